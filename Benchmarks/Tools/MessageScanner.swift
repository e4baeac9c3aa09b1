import NIOCore

/// Takes requests with a `content-length` out of a connection's bytes: enough for a peer that is our own.
struct MessageScanner {
    private var buffer = ByteBuffer()

    struct Message {
        fileprivate var bytes: ByteBuffer

        func contains(_ text: StaticString) -> Bool { bytes.find(text, from: 0) != nil }
    }

    mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 { buffer = bytes } else { buffer.writeImmutableBuffer(bytes) }
    }

    /// The next whole message; nil until it is there.
    mutating func next() -> Message? {
        guard let end = buffer.find("\r\n\r\n", from: 0) else { return nil }
        let length =
            buffer.number(after: "ontent-length: ", before: end) ?? buffer.number(after: "ontent-Length: ", before: end)
            ?? 0
        return buffer.readSlice(length: end + 4 + length).map(Message.init(bytes:))
    }
}

extension ByteBuffer {
    /// Where a text begins, from the first readable byte; looked for from an offset.
    func find(_ text: StaticString, from start: Int) -> Int? {
        withUnsafeReadableBytes { bytes in
            let count = text.utf8CodeUnitCount
            guard bytes.count >= count, start <= bytes.count - count else { return nil }
            let first = text.utf8Start[0]
            for index in start...(bytes.count - count) where bytes[index] == first {
                var length = 1
                while length < count, bytes[index + length] == text.utf8Start[length] { length += 1 }
                if length == count { return index }
            }
            return nil
        }
    }

    fileprivate func number(after name: StaticString, before end: Int) -> Int? {
        guard let found = find(name, from: 0), found < end else { return nil }
        return withUnsafeReadableBytes { bytes in
            var value = 0
            for byte in bytes[(found + name.utf8CodeUnitCount)...] {
                guard (48...57).contains(byte), value < 1 << 40 else { break }
                value = value * 10 + Int(byte - 48)
            }
            return value
        }
    }
}
