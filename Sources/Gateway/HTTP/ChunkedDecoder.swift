import NIOCore

/// Takes a chunked body apart: gives its content in slices, as it comes.
struct ChunkedDecoder {
    private enum State {
        case size(Int, digits: Int)
        case extensions(Int)
        case sizeLineFeed(Int)
        case content(Int)
        case contentReturn
        case contentLineFeed
        case trailer(length: Int)
        case trailerLineFeed(length: Int)
        case done
    }

    enum Part {
        case content(ByteBuffer)
        case end
        case needsMore
    }

    private var state = State.size(0, digits: 0)
    private var skipped = 0
    /// Extensions and trailers are skipped; more of them than this is an attack.
    private static let maximumSkipped = 16 * 1024

    mutating func next(_ buffer: inout ByteBuffer) throws(HTTPFault) -> Part {
        while true {
            switch state {
            case .content(let left):
                let count = min(left, buffer.readableBytes)
                guard count > 0, let slice = buffer.readSlice(length: count) else { return .needsMore }
                state = count == left ? .contentReturn : .content(left - count)
                return .content(slice)
            case .done: return .end
            default:
                guard let byte: UInt8 = buffer.readInteger() else { return .needsMore }
                state = try step(byte)
            }
        }
    }

    private mutating func step(_ byte: UInt8) throws(HTTPFault) -> State {
        switch (state, byte) {
        case (.size(let size, let digits), _):
            if let digit = byte.hexDigit {
                guard digits < 8 else { throw HTTPFault(status: 400, reason: "a chunk is too large") }
                return .size(size << 4 | digit, digits: digits + 1)
            }
            guard digits > 0 else { break }
            if byte == .carriageReturn { return .sizeLineFeed(size) }
            guard byte == UInt8(ascii: ";") || byte == .blank || byte == .tab else { break }
            return .extensions(size)
        case (.extensions(let size), .carriageReturn): return .sizeLineFeed(size)
        case (.extensions(let size), _) where byte != .lineFeed:
            try skip()
            return .extensions(size)
        case (.sizeLineFeed(let size), .lineFeed): return size == 0 ? .trailer(length: 0) : .content(size)
        case (.contentReturn, .carriageReturn): return .contentLineFeed
        case (.contentLineFeed, .lineFeed): return .size(0, digits: 0)
        case (.trailer(let length), .carriageReturn): return .trailerLineFeed(length: length)
        case (.trailerLineFeed(let length), .lineFeed): return length == 0 ? .done : .trailer(length: 0)
        case (.trailer(let length), _) where byte != .lineFeed:
            try skip()
            return .trailer(length: length + 1)
        default: break
        }
        throw HTTPFault(status: 400, reason: "a chunked body is not framed as it should be")
    }

    private mutating func skip() throws(HTTPFault) {
        skipped += 1
        guard skipped <= Self.maximumSkipped else {
            throw HTTPFault(status: 400, reason: "too much beside a chunked body")
        }
    }
}
