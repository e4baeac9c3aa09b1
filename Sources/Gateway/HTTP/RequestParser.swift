import NIOCore

/// A request as it came, its body complete.
struct HTTPRequest: Sendable {
    var method: String
    /// As it stands in the request line: a path with its query, or an authority for CONNECT.
    var target: String
    var fields: HTTPFields
    var body: ByteBuffer
    /// The connection serves another request after this one.
    var isKeptAlive: Bool
    /// Its sender takes an answer in chunks; one of HTTP/1.0 does not.
    var takesChunks = true

    /// The target without its query.
    var path: Substring { target[..<(target.utf8.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex)] }
    /// Host and port, where the target is a whole `http://` URL: what clients of a proxy send.
    var absoluteAuthority: Substring? {
        guard target.utf8.first == UInt8(ascii: "h"), target.hasPrefix("http://") else { return nil }
        return target.dropFirst("http://".count).prefix { $0 != "/" && $0 != "?" }
    }

    /// What follows the path: nothing, or `?` and the rest.
    var query: Substring { target[path.endIndex...] }
}

/// Takes requests out of a connection's bytes.
struct RequestParser {
    private var heads: HeadFinder
    private let maximumBody: Int
    private var current: HTTPRequest?
    private var rest = Rest.none

    private enum Rest {
        case none
        case length(Int)
        case chunked(ChunkedDecoder)
    }

    enum Part {
        case request(HTTPRequest)
        /// The client waits for leave to send its body.
        case wantsContinue
        case needsMore
    }

    init(maximumHead: Int, maximumBody: Int) {
        heads = HeadFinder(limit: maximumHead)
        self.maximumBody = maximumBody
    }

    /// Part of a request has arrived, so the connection is not idle.
    var isInside: Bool { current != nil }

    mutating func next(_ buffer: inout ByteBuffer) throws(HTTPFault) -> Part {
        var hasBegun = false
        if current == nil {
            // Some clients end a body with a line end too many.
            while let byte: UInt8 = buffer.getInteger(at: buffer.readerIndex),
                byte == .carriageReturn || byte == .lineFeed
            {
                buffer.moveReaderIndex(forwardBy: 1)
            }
            guard let head = try heads.next(&buffer) else { return .needsMore }
            try begin(head)
            hasBegun = true
        }
        let isComplete = try readBody(&buffer)
        if isComplete, let request = current {
            current = nil
            rest = .none
            return .request(request)
        }
        return hasBegun && current?.fields.has("100-continue", in: "expect") == true && buffer.readableBytes == 0
            ? .wantsContinue : .needsMore
    }

    private mutating func begin(_ head: [UInt8]) throws(HTTPFault) {
        var index = 0
        while index < head.count, head[index].isToken { index += 1 }
        guard index > 0, index < 24, head[index] == .blank else { throw Self.wrongLine }
        let method = String(decoding: head[..<index], as: UTF8.self)
        let targetStart = index + 1
        index = targetStart
        while index < head.count, (0x21...0x7E).contains(head[index]) { index += 1 }
        guard index > targetStart, index + 10 < head.count, head[index] == .blank else { throw Self.wrongLine }
        let target = String(decoding: head[targetStart..<index], as: UTF8.self)
        let version = head[(index + 1)...].prefix(10)
        let isHTTP11 = version.elementsEqual("HTTP/1.1\r\n".utf8)
        guard isHTTP11 || version.elementsEqual("HTTP/1.0\r\n".utf8) else {
            throw HTTPFault(status: 505, reason: "only HTTP/1.1 is spoken here")
        }
        let fields = try HTTPFields.parse(head, from: index + 11)
        let hosts = fields.count(of: "host")
        guard hosts == 1 || hosts == 0 && !isHTTP11 else {
            throw HTTPFault(status: 400, reason: "a request has one host field")
        }
        switch try fields.framing() {
        case .length(let length):
            guard length <= maximumBody else { throw Self.tooLarge(maximumBody) }
            rest = length == 0 ? .none : .length(length)
        case .chunked:
            guard isHTTP11 else { throw Self.wrongLine }
            rest = .chunked(ChunkedDecoder())
        case nil: rest = .none
        }
        let isKeptAlive =
            isHTTP11 ? !fields.has("close", in: "connection") : fields.has("keep-alive", in: "connection")
        current = HTTPRequest(
            method: method, target: target, fields: fields, body: ByteBuffer(), isKeptAlive: isKeptAlive,
            takesChunks: isHTTP11)
    }

    private mutating func readBody(_ buffer: inout ByteBuffer) throws(HTTPFault) -> Bool {
        switch rest {
        case .none: return true
        case .length(let length):
            guard buffer.readableBytes >= length else { return false }
            current?.body = buffer.readSlice(length: length) ?? ByteBuffer()
            return true
        case .chunked(var decoder):
            defer { if case .chunked = rest { rest = .chunked(decoder) } }
            while true {
                switch try decoder.next(&buffer) {
                case .content(var slice):
                    guard (current?.body.readableBytes ?? 0) + slice.readableBytes <= maximumBody else {
                        throw Self.tooLarge(maximumBody)
                    }
                    current?.body.writeBuffer(&slice)
                case .end: return true
                case .needsMore: return false
                }
            }
        }
    }

    private static let wrongLine = HTTPFault(status: 400, reason: "the request line is wrong")

    private static func tooLarge(_ limit: Int) -> HTTPFault {
        HTTPFault(status: 413, reason: "the body is above \(limit) bytes")
    }
}
