import NIOCore

/// The head of an upstream's answer.
struct HTTPResponseHead: Sendable {
    var status: Int
    var fields: HTTPFields
    /// The connection can be used again after this answer.
    var isKeptAlive: Bool
}

/// Takes one answer after another out of a connection's bytes.
struct ResponseParser {
    private var heads: HeadFinder
    private var state = State.head

    private enum State {
        case head
        case length(Int)
        case chunked(ChunkedDecoder)
        case untilClose
        case end
    }

    enum Part {
        case head(HTTPResponseHead)
        case body(ByteBuffer)
        case end
        case needsMore
    }

    init(maximumHead: Int) { heads = HeadFinder(limit: maximumHead) }

    /// An answer is over when the upstream closes here, and not cut.
    var endsWithClose: Bool { if case .untilClose = state { true } else { false } }

    private static let noHTTP = HTTPFault(status: 502, reason: "the answer is no HTTP/1.1")

    mutating func next(_ buffer: inout ByteBuffer) throws(HTTPFault) -> Part {
        switch state {
        case .head:
            while true {
                // A server of another kind may keep silent after its greeting: that must not be waited for.
                guard buffer.beginsLikeHTTP else { throw Self.noHTTP }
                guard let bytes = try heads.next(&buffer) else { return .needsMore }
                let head = try begin(bytes)
                // 1xx comes before the answer itself.
                if head.status >= 200 { return .head(head) }
            }
        case .length(let left):
            let count = min(left, buffer.readableBytes)
            guard count > 0, let slice = buffer.readSlice(length: count) else { return .needsMore }
            state = count == left ? .end : .length(left - count)
            return .body(slice)
        case .chunked(var decoder):
            let part = try decoder.next(&buffer)
            state = .chunked(decoder)
            switch part {
            case .content(let slice): return .body(slice)
            case .needsMore: return .needsMore
            case .end:
                state = .head
                return .end
            }
        case .untilClose:
            guard buffer.readableBytes > 0, let slice = buffer.readSlice(length: buffer.readableBytes) else {
                return .needsMore
            }
            return .body(slice)
        case .end:
            state = .head
            return .end
        }
    }

    private mutating func begin(_ head: [UInt8]) throws(HTTPFault) -> HTTPResponseHead {
        let line = head.withUnsafeBytes(Self.line)
        guard let (status, isHTTP11, end) = line else {
            throw Self.noHTTP
        }
        let fields = try HTTPFields.parse(head, from: end)
        var isKeptAlive = isHTTP11 ? !fields.has("close", in: .connection) : fields.has("keep-alive", in: .connection)
        if status < 200 {
            state = .head
        } else if status == 204 || status == 304 {
            state = .end
        } else {
            switch try fields.framing() {
            case .length(let length): state = length == 0 ? .end : .length(length)
            case .chunked: state = .chunked(ChunkedDecoder())
            case nil:
                state = .untilClose
                isKeptAlive = false
            }
        }
        return HTTPResponseHead(status: status, fields: fields, isKeptAlive: isKeptAlive)
    }

    /// The status line: its status, and where the fields begin.
    private static func line(_ head: UnsafeRawBufferPointer) -> (status: Int, isHTTP11: Bool, end: Int)? {
        guard head.count > 14, head.begins(with: "HTTP/1."), head[8] == .blank,
            let status = UnsafeRawBufferPointer(rebasing: head[9..<12]).decimal, (100...999).contains(status),
            let lineEnd = head.firstIndex(of: .lineFeed)
        else { return nil }
        return (status, head[7] == UInt8(ascii: "1"), lineEnd + 1)
    }
}

extension ByteBuffer {
    /// What has come so far can be the beginning of an answer.
    fileprivate var beginsLikeHTTP: Bool {
        let wanted: StaticString = "http/1."
        return withUnsafeReadableBytes { bytes in
            for index in 0..<min(bytes.count, wanted.utf8CodeUnitCount)
            where bytes[index].lowercased != wanted.utf8Start[index] {
                return false
            }
            return true
        }
    }
}
