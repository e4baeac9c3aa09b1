import Foundation
package import PreflightCore

/// What lies in a directory that somebody else writes to: how many files, and when one of them was changed last.
///
/// Links are not followed, and of a very large or deep tree only a part is looked at.
package struct DirectoryLook: Sendable, Equatable {
    package private(set) var files = 0
    package private(set) var newest: Timestamp?
    /// There is more than was looked at.
    package private(set) var isCut = false
    private var seen = 0
    /// A sum over what was looked at, by name, size and time: the same in any order. Good within this process alone.
    private var traces: UInt64 = 0

    static let entries = 10_000
    static let depth = 16

    /// - Parameter prefix: of names directly in the directory that do not count.
    package init(_ path: String, leavingOut prefix: String) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if descriptor >= 0 { look(descriptor, depth: 0, within: 0, leavingOut: prefix) }
    }

    /// Closes the descriptor.
    ///
    /// - Parameter place: tells the directory from others.
    private mutating func look(_ descriptor: CInt, depth: Int, within place: Int, leavingOut prefix: String?) {
        guard let directory = fdopendir(descriptor) else {
            close(descriptor)
            return
        }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name != ".", name != "..", prefix.map({ !name.hasPrefix($0) }) ?? true else { continue }
            seen += 1
            guard seen <= Self.entries else {
                isCut = true
                return
            }
            var info = stat()
            guard fstatat(dirfd(directory), name, &info, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            switch info.st_mode & S_IFMT {
            case S_IFREG:
                files += 1
                let changed = Timestamp(
                    microseconds: Int64(info.st_mtim.tv_sec) &* 1_000_000 &+ Int64(info.st_mtim.tv_nsec) / 1000)
                newest = max(newest ?? changed, changed)
                // The newest time alone says nothing any more once a file is dated in the future.
                traces &+= UInt64(bitPattern: Int64(Self.trace(name, place, info)))
            case S_IFDIR:
                guard depth < Self.depth else {
                    isCut = true
                    continue
                }
                let inner = openat(dirfd(directory), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                if inner >= 0 { look(inner, depth: depth + 1, within: Self.trace(name, place), leavingOut: nil) }
            default: break
            }
        }
    }

    private static func trace(_ name: String, _ place: Int, _ info: stat? = nil) -> Int {
        var hasher = Hasher()
        hasher.combine(place)
        hasher.combine(name)
        if let info {
            hasher.combine(info.st_size)
            hasher.combine(info.st_mtim.tv_sec)
            hasher.combine(info.st_mtim.tv_nsec)
        }
        return hasher.finalize()
    }
}
