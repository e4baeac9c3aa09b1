import NIOCore
import PreflightCore

/// Writes a message's head into memory that was measured before, without a check of the buffer for every word.
///
/// What does not fit any more is only counted: see `ByteBuffer.init(room:write:)`.
struct HeadWriter {
    private let base: UnsafeMutableRawPointer?
    private let room: Int
    /// Bytes of all that was to be written.
    fileprivate private(set) var count = 0

    fileprivate init(_ memory: UnsafeMutableRawBufferPointer) {
        base = memory.baseAddress
        room = memory.count
    }

    @inline(__always)
    mutating func write(_ bytes: UnsafeRawBufferPointer) {
        if count + bytes.count <= room, let base, let source = bytes.baseAddress {
            (base + count).copyMemory(from: source, byteCount: bytes.count)
        }
        count += bytes.count
    }

    @inline(__always)
    mutating func write(_ text: StaticString) {
        write(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func write(_ text: String) {
        var text = text
        text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }

    mutating func write(_ bytes: [UInt8]) { bytes.withUnsafeBytes { write($0) } }

    mutating func write(_ number: Int) {
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var start = digits.count
            var rest = number.magnitude
            repeat {
                start -= 1
                digits[start] = 48 + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if number < 0 { write("-") }
            write(UnsafeRawBufferPointer(rebasing: digits[start...]))
        }
    }

    mutating func write(_ amount: USD) { amount.withDecimalText { write($0) } }

    mutating func writeField(_ name: String, _ value: String) {
        write(name)
        write(": ")
        write(value)
        write("\r\n")
    }

    /// The lines of fields as they came, but for those of a group.
    mutating func writeFields(of fields: HTTPFields, except group: FieldName.Group) {
        // The writer is moved into the closure and back: it cannot be captured while it is being changed.
        var writer = self
        fields.forEachLine(except: group) { writer.write($0) }
        self = writer
    }

    mutating func writeStatus(_ status: Int) {
        guard status != 200 else { return write("HTTP/1.1 200 OK\r\n") }
        write("HTTP/1.1 ")
        write(status)
        write(" ")
        write(HTTPStatus.reason(of: status))
        write("\r\n")
    }

    mutating func writeContentLength(_ length: Int) {
        write("content-length: ")
        write(length)
        write("\r\n")
    }
}

extension ByteBuffer {
    /// A buffer with what `write` writes. `room` is a guess: where it was too small, all is written once more.
    ///
    /// - Parameter extra: Bytes to be left free behind it.
    init(room: Int, extra: Int = 0, write: (inout HeadWriter) -> Void) {
        self = ByteBufferAllocator().buffer(capacity: room + extra)
        self.write(room: room, write)
    }

    /// The same into an empty buffer.
    mutating func write(room: Int, _ write: (inout HeadWriter) -> Void) {
        var room = room
        while true {
            var needed = 0
            writeWithUnsafeMutableBytes(minimumWritableBytes: room) { memory in
                var writer = HeadWriter(memory)
                write(&writer)
                needed = writer.count
                return needed <= memory.count ? needed : 0
            }
            guard readableBytes < needed else { return }
            room = needed
        }
    }
}
