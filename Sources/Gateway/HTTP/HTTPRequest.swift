import NIOCore

/// A request as it came, its body complete.
struct HTTPRequest: Sendable {
    /// With the whole head, in which method and target lie.
    var fields: HTTPFields
    var body = ByteBuffer()
    /// What its body takes, if that is long.
    var keptBody: KeptBody?
    /// The connection serves another request after this one.
    let isKeptAlive: Bool
    /// Its sender takes an answer in chunks; one of HTTP/1.0 does not.
    let takesChunks: Bool
    let kind: Method
    fileprivate let methodEnd: Int
    fileprivate let targetEnd: Int
    /// Where the path ends and the query begins.
    fileprivate let pathEnd: Int

    /// Methods that are treated in their own way.
    enum Method: Sendable { case get, head, post, connect, other }

    var method: String { text(0..<methodEnd) }
    /// As it stands in the request line: a path with its query, or an authority for CONNECT.
    var target: String { text(methodEnd + 1..<targetEnd) }
    /// The target without its query.
    var path: String { text(pathRange) }
    /// Host and port, where the target is a whole `http://` URL: what clients of a proxy send.
    var absoluteAuthority: Substring? {
        guard fields.bytes[methodEnd + 1] == UInt8(ascii: "h") else { return nil }
        let target = target
        guard target.hasPrefix("http://") else { return nil }
        return target.dropFirst("http://".count).prefix { $0 != "/" && $0 != "?" }
    }

    /// The path in the bytes of the head.
    var pathRange: Range<Int> { methodEnd + 1..<pathEnd }
    /// What follows the path there: nothing, or `?` and the rest.
    var queryRange: Range<Int> { pathEnd..<targetEnd }

    private func text(_ range: Range<Int>) -> String { String(decoding: fields.bytes[range], as: UTF8.self) }
}

extension HTTPRequest {
    /// Where the parts of a request line lie in a head.
    struct Line {
        var kind: Method
        var methodEnd: Int
        var pathEnd: Int
        var targetEnd: Int
        var isHTTP11: Bool
        /// Where the fields begin.
        var end: Int

        init(_ head: UnsafeRawBufferPointer) throws(HTTPFault) {
            var index = 0
            while index < head.count, head[index].isToken { index += 1 }
            guard index > 0, index < 24, head[index] == .blank else { throw RequestParser.wrongLine }
            kind = Self.kind(UnsafeRawBufferPointer(rebasing: head[..<index]))
            methodEnd = index
            index += 1
            var query: Int?
            while index < head.count, head[index] &- 0x21 < 0x5E {
                if query == nil, head[index] == UInt8(ascii: "?") { query = index }
                index += 1
            }
            guard index > methodEnd + 1, index + 10 < head.count, head[index] == .blank else {
                throw RequestParser.wrongLine
            }
            targetEnd = index
            pathEnd = query ?? index
            end = index + 11
            let version = UnsafeRawBufferPointer(rebasing: head[index + 1..<end])
            isHTTP11 = version.isExactly("HTTP/1.1\r\n")
            guard isHTTP11 || version.isExactly("HTTP/1.0\r\n") else {
                throw HTTPFault(status: 505, reason: "only HTTP/1.1 is spoken here")
            }
        }

        private static func kind(_ method: UnsafeRawBufferPointer) -> Method {
            if method.isExactly("POST") { return .post }
            if method.isExactly("GET") { return .get }
            if method.isExactly("HEAD") { return .head }
            return method.isExactly("CONNECT") ? .connect : .other
        }
    }

    init(_ line: Line, fields: HTTPFields, isKeptAlive: Bool) {
        self.fields = fields
        self.isKeptAlive = isKeptAlive
        takesChunks = line.isHTTP11
        kind = line.kind
        methodEnd = line.methodEnd
        pathEnd = line.pathEnd
        targetEnd = line.targetEnd
    }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    func isExactly(_ text: StaticString) -> Bool { count == text.utf8CodeUnitCount && begins(with: text) }

    @inline(__always)
    func begins(with text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard count >= length else { return false }
        let letters = text.utf8Start
        for index in 0..<length where self[index] != letters[index] { return false }
        return true
    }
}
