import NIOCore

/// Finds where a head ends in bytes that arrive in any portions, looking at each byte once.
struct HeadFinder {
    private var looked = 0
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// The head with its empty line, taken out of the buffer; nil when it is not complete yet.
    mutating func next(_ buffer: inout ByteBuffer) throws(HTTPFault) -> [UInt8]? {
        let from = max(0, looked - 3)
        let end: Int? = buffer.withUnsafeReadableBytes { bytes in
            var index = from
            while index + 3 < bytes.count {
                // The last byte of the four tells how far to go on.
                switch bytes[index + 3] {
                case .lineFeed:
                    if bytes[index + 2] == .carriageReturn, bytes[index + 1] == .lineFeed,
                        bytes[index] == .carriageReturn
                    {
                        return index + 4
                    }
                    index += 2
                case .carriageReturn: index += 1
                default: index += 4
                }
            }
            return nil
        }
        guard let end else {
            looked = buffer.readableBytes
            guard looked <= limit else { throw HTTPFault(status: 431, reason: "the head is above \(limit) bytes") }
            return nil
        }
        looked = 0
        guard end <= limit else { throw HTTPFault(status: 431, reason: "the head is above \(limit) bytes") }
        return buffer.readBytes(length: end)
    }
}
