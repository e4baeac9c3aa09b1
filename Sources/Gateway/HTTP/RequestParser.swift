import NIOCore
import PreflightCore

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

    /// The request whose body has not come to its end.
    var begun: HTTPRequest? { current }
    /// Part of a request has arrived, so the connection is not idle.
    var isInside: Bool { current != nil }

    /// Of the body that is on its way: what the head says, or else what has come.
    var bodySize: Int {
        switch rest {
        case .none: 0
        case .length(let length): length
        case .chunked: current?.body.readableBytes ?? 0
        }
    }

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
        if try readBody(&buffer), let request = current.take() {
            rest = .none
            return .request(request)
        }
        return hasBegun && current?.fields.has("100-continue", in: .expect) == true && buffer.readableBytes == 0
            ? .wantsContinue : .needsMore
    }

    private mutating func begin(_ head: [UInt8]) throws(HTTPFault) {
        let line = try head.withBytes { (bytes) throws(HTTPFault) in try HTTPRequest.Line(bytes) }
        let fields = try HTTPFields.parse(head, from: line.end)
        let hosts = fields.count(of: .host)
        guard hosts == 1 || hosts == 0 && !line.isHTTP11 else {
            throw HTTPFault(status: 400, reason: "a request has one host field")
        }
        switch try fields.framing() {
        case .length(let length):
            guard length <= maximumBody else { throw Self.tooLarge(maximumBody) }
            rest = length == 0 ? .none : .length(length)
        case .chunked:
            guard line.isHTTP11 else { throw Self.wrongLine }
            rest = .chunked(ChunkedDecoder())
        case nil: rest = .none
        }
        let isKeptAlive =
            line.isHTTP11 ? !fields.has("close", in: .connection) : fields.has("keep-alive", in: .connection)
        current = HTTPRequest(line, fields: fields, isKeptAlive: isKeptAlive)
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

    static let wrongLine = HTTPFault(status: 400, reason: "the request line is wrong")

    private static func tooLarge(_ limit: Int) -> HTTPFault {
        HTTPFault(status: 413, reason: "the body is above \(limit) bytes")
    }
}

extension [UInt8] {
    /// `withUnsafeBytes` for typed errors.
    func withBytes<T, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> T) throws(E) -> T {
        let result: Result<T, E> = withUnsafeBytes { bytes in
            do throws(E) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
