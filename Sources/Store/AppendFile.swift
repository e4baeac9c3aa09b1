import Foundation
import PreflightCore

/// A file that only grows, through a buffer of its own; its owner asks `hasRoom` before it appends.
///
/// Not safe for several threads: its owner guards it.
package struct AppendFile: ~Copyable {
    package let limit: Int
    /// Bytes in the file and the buffer.
    package private(set) var size: Int
    package let file: OpenFile
    private var buffer: [UInt8] = []

    package var path: String { file.path }

    /// Opens or makes the file. A last line that a crash has torn is ended, so that the next one stands alone.
    package init(path: String, limit: Int = .max) throws {
        file = try OpenFile(path: path, flags: O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW)
        self.limit = limit
        let end = lseek(file.descriptor, 0, SEEK_END)
        size = max(0, Int(end))
        var last: UInt8 = 0x0A
        if end > 0, pread(file.descriptor, &last, 1, end - 1) == 1, last != 0x0A { append([0x0A]) }
    }

    /// Whether `count` more bytes still fit.
    package func hasRoom(for count: Int) -> Bool { size + count <= limit }

    package mutating func append(_ bytes: some Sequence<UInt8>) {
        append { $0.append(contentsOf: bytes) }
    }

    /// Appends what `body` puts behind the end of the buffer; it must leave alone what is there.
    package mutating func append(_ body: (inout [UInt8]) -> Void) {
        let before = buffer.count
        body(&buffer)
        size += buffer.count - before
    }

    /// Hands the buffer to the system: after it a crash of this process loses nothing.
    ///
    /// After a failure the rest is kept: the next flush goes on in the middle of the line where this one stopped.
    package mutating func flush() throws {
        guard !buffer.isEmpty else { return }
        var written = 0
        do {
            try Files.write(buffer, to: file.descriptor, path: path, written: &written)
        } catch {
            buffer.removeFirst(written)
            throw error
        }
        buffer.removeAll(keepingCapacity: buffer.capacity <= 1 << 20)
    }

    /// Flushes, and waits until the disk has it: after it a crash of the machine loses nothing.
    package mutating func synchronize() throws {
        try flush()
        try file.synchronize()
    }
}

/// An open file, closed with its last owner. It can be asked to reach the disk without the lock of who writes to it.
package final class OpenFile: Sendable {
    package let path: String
    let descriptor: CInt

    /// - Parameter flags: as of `open`.
    init(path: String, flags: CInt) throws {
        descriptor = open(path, flags | O_CLOEXEC, 0o644)
        self.path = path
        guard descriptor >= 0 else { throw Files.failure("open", path) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Waits until the disk has what the system was given.
    package func synchronize() throws {
        #if os(Linux)
            let result = fdatasync(descriptor)
        #else
            let result = fsync(descriptor)
        #endif
        guard result == 0 else { throw Files.failure("write", path) }
    }
}
