import Foundation
import PreflightCore

/// A file that only grows, through a buffer of its own; its owner asks `hasRoom` before it appends.
///
/// Not safe for several threads: its owner guards it.
package struct AppendFile: ~Copyable {
    package let path: String
    package let limit: Int
    /// Bytes in the file and the buffer.
    package private(set) var size: Int
    private let descriptor: CInt
    private var buffer: [UInt8] = []

    /// Opens or makes the file. A last line that a crash has torn is ended, so that the next one stands alone.
    package init(path: String, limit: Int = .max) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o644)
        self.path = path
        self.limit = limit
        guard descriptor >= 0 else { throw Files.failure("open", path) }
        let end = lseek(descriptor, 0, SEEK_END)
        size = max(0, Int(end))
        var last: UInt8 = 0x0A
        if end > 0, pread(descriptor, &last, 1, end - 1) == 1, last != 0x0A { append([0x0A]) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Whether `count` more bytes still fit.
    package func hasRoom(for count: Int) -> Bool { size + count <= limit }

    package mutating func append(_ bytes: some Sequence<UInt8>) {
        let before = buffer.count
        buffer.append(contentsOf: bytes)
        size += buffer.count - before
    }

    /// Hands the buffer to the system: after it a crash of this process loses nothing.
    package mutating func flush() throws {
        guard !buffer.isEmpty else { return }
        try Files.write(buffer, to: descriptor, path: path)
        buffer.removeAll(keepingCapacity: buffer.capacity <= 1 << 20)
    }

    /// Flushes, and waits until the disk has it: after it a crash of the machine loses nothing.
    package mutating func synchronize() throws {
        try flush()
        guard fsync(descriptor) == 0 else { throw Files.failure("write", path) }
    }
}
