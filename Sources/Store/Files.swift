import Foundation
import PreflightCore

/// File operations whose failure names the file and the cause.
package enum Files {
    /// Replaces a file's content in one step: a reader sees the old or the new content, never a part.
    ///
    /// With `durably` the new content reaches the disk before the name changes, and the name before this returns. A link
    /// at `path` is replaced, not followed.
    package static func replace(
        _ path: String, with bytes: [UInt8], mode: UInt16 = 0o644, durably: Bool = true
    ) throws {
        let temporary = temporaryPath(for: path)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode_t(mode))
        guard descriptor >= 0 else { throw failure("write", path) }
        do {
            try write(bytes, to: descriptor, path: path)
            // The umask must not keep a sandbox's user from reading what is meant for it.
            guard fchmod(descriptor, mode_t(mode)) == 0 else { throw failure("write", path) }
            if durably, fsync(descriptor) != 0 { throw failure("write", path) }
        } catch {
            close(descriptor)
            unlink(temporary)
            throw error
        }
        guard close(descriptor) == 0 else {
            let error = failure("write", path)
            unlink(temporary)
            throw error
        }
        guard rename(temporary, path) == 0 else {
            let error = failure("replace", path)
            unlink(temporary)
            throw error
        }
        if durably { try synchronizeDirectory(of: path) }
    }

    /// A name beside a file for its next content.
    package static func temporaryPath(for path: String) -> String { "\(path).\(UInt64.random(in: 0..<(.max))).tmp" }

    /// Whether a process that died while it wrote a file has left this.
    package static func isTemporary(_ name: String) -> Bool {
        let parts = name.split(separator: ".")
        return parts.count > 2 && parts.last == "tmp" && UInt64(parts[parts.count - 2]) != nil
    }

    /// Waits until the names in the directory of `path` are on the disk.
    package static func synchronizeDirectory(of path: String) throws {
        let directory = (path as NSString).deletingLastPathComponent
        let descriptor = open(directory.isEmpty ? "." : directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", directory) }
        defer { close(descriptor) }
        // Some file systems cannot do that to a directory, and need not be asked to.
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP else {
            throw failure("write", directory)
        }
    }

    package static func replace(_ path: String, with text: String, mode: UInt16 = 0o644, durably: Bool = true) throws {
        try replace(path, with: Array(text.utf8), mode: mode, durably: durably)
    }

    /// Reads a whole file of at most `limit` bytes.
    package static func read(_ path: String, limit: Int = 64 << 20) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("read", path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Foundation.read(descriptor, &buffer, buffer.count)
            if count == 0 { return bytes }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw failure("read", path)
            }
            bytes.append(contentsOf: buffer[..<count])
            guard bytes.count <= limit else {
                throw PreflightError(.failed, "cannot read \(path): larger than \(Quantity.bytesText(limit))")
            }
        }
    }

    /// SHA-256, in hexadecimal digits.
    package static func digest(of bytes: [UInt8]) -> String { KeyDigest(of: bytes).hex }

    /// Gives a file or directory another name in the same file system. What has the new name is not replaced. The new
    /// name is on the disk when this returns.
    package static func move(_ path: String, to target: String) throws {
        guard !exists(target) else {
            throw PreflightError(.failed, "cannot move \(path) to \(target): that is there already")
        }
        guard rename(path, target) == 0 else { throw failure("move", path) }
        try synchronizeDirectory(of: target)
        try synchronizeDirectory(of: path)
    }

    /// Removes a file; that there is none is no failure.
    package static func remove(_ path: String) { unlink(path) }

    /// Removes a directory with nothing in it; any other stays.
    package static func removeEmptyDirectory(_ path: String) { rmdir(path) }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Names in a directory; none when it cannot be read.
    package static func list(_ path: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    }

    /// So many names at most, whichever come first: of a directory that somebody else fills. A link is not followed.
    package static func list(_ path: String, atMost limit: Int) -> [String] {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        guard let directory = fdopendir(descriptor) else {
            close(descriptor)
            return []
        }
        defer { closedir(directory) }
        var names: [String] = []
        while names.count < limit, let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Whether a name, looked for on the PATH, or a path can be run.
    package static func isProgram(_ name: String) -> Bool {
        if name.contains("/") { return access(name, X_OK) == 0 && !isDirectory(name) }
        let directories = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return !name.isEmpty && directories.contains { isProgram("\($0)/\(name)") }
    }

    package static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Makes a directory, and those above it; their names are on the disk when this returns. One that is there already
    /// keeps its permissions: it may not be ours.
    package static func createDirectory(_ path: String, mode: UInt16 = 0o755) throws {
        if isDirectory(path) { return }
        var made = [path]
        while let first = made.last, case let above = (first as NSString).deletingLastPathComponent,
            !above.isEmpty, !isDirectory(above)
        {
            made.append(above)
        }
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw PreflightError(
                .failed, "cannot make the directory \(path): \((error as NSError).localizedDescription)",
                hint: "choose another place with --runs-dir, or change its permissions")
        }
        guard chmod(path, mode_t(mode)) == 0 else { throw failure("set the permissions of", path) }
        for path in made { try synchronizeDirectory(of: path) }
    }

    package static func parent(of path: String) -> String { (path as NSString).deletingLastPathComponent }

    package static func absolute(_ path: String, relativeTo base: String? = nil) -> String {
        let expanded = NSString(string: path).expandingTildeInPath
        let base = base ?? FileManager.default.currentDirectoryPath
        return URL(fileURLWithPath: expanded, relativeTo: URL(fileURLWithPath: base, isDirectory: true))
            .standardizedFileURL.path
    }

    static func write(_ bytes: [UInt8], to descriptor: CInt, path: String) throws {
        var written = 0
        try write(bytes, to: descriptor, path: path, written: &written)
    }

    /// - Parameter written: how many bytes the system has taken, also when this throws.
    static func write(_ bytes: [UInt8], to descriptor: CInt, path: String, written: inout Int) throws {
        try bytes.withUnsafeBytes { buffer in
            while written < buffer.count {
                let rest = UnsafeRawBufferPointer(rebasing: buffer[written...])
                let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
                if count < 0 {
                    if errno == EINTR { continue }
                    throw failure("write", path)
                }
                written += count
            }
        }
    }

    static func failure(_ verb: String, _ path: String) -> PreflightError {
        let code = errno
        let hint: String? =
            switch code {
            case ENOSPC: "free disk space, or choose another place with --runs-dir"
            case EACCES, EPERM, EROFS: "choose another place with --runs-dir, or change its permissions"
            default: nil
            }
        return PreflightError(.failed, "cannot \(verb) \(path): \(String(cString: strerror(code)))", hint: hint)
    }

    /// Changes whenever a file's content is replaced or written; nil where there is none.
    package static func stamp(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return "\(status.st_ino).\(status.st_size).\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
    }
}
