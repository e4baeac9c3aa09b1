import NIOCore
import TestSupport

// libFuzzer's build has the parsers in the same module.
#if !FUZZING
    @testable import Gateway
#endif

extension FuzzTarget {
    private static let framingWords = [
        "\r\n", "\r", "\n", "\r\n\r\n", "HTTP/1.1", "POST / HTTP/1.1\r\n", "host: x\r\n", "content-length: ", "5",
        "transfer-encoding: chunked\r\n", "ffffffff", "0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "expect: 100-continue\r\n",
        "connection: close\r\n", "\u{0}", " ", "\t", ";", "HTTP/1.1 100 Continue\r\n\r\n", "99999999999999999999",
    ]

    /// Requests of callers, one behind the other on a connection.
    static let httpRequests = FuzzTarget(
        "http-requests", words: framingWords,
        seeds: {
            [
                "POST /v1/a?b=c HTTP/1.1\r\nHost: x\r\nX-Api-Key:  k \r\nContent-Length: 5\r\n\r\nhello\r\n",
                "POST /b HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: Chunked\r\n\r\n5;ext=\"1\"\r\nhello\r\n0\r\nT: x\r\n\r\n",
                "GET /c HTTP/1.0\r\n\r\nCONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n",
                "GET http://a.b/x HTTP/1.1\r\nhost: a.b\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc",
            ].map { [7] + Array($0.utf8) }
        },
        check: { bytes in
            let size = Int(bytes.first ?? 0) % 40 + 1
            let body = Array(bytes.dropFirst())
            let whole = requests(body, size: body.count)
            let split = requests(body, size: size)
            guard split == whole else { return "pieces of \(size) give other requests: \(split) for \(whole)" }
            // A head's text has target and path, which are mostly the same.
            let isAbove = whole.contains { $0.body.count > mostBody || $0.head.utf8.count > 2 * mostHead + 200 }
            return isAbove ? "a request is above its limits" : nil
        })

    /// Answers of upstreams.
    static let httpAnswers = FuzzTarget(
        "http-answers", words: framingWords,
        seeds: {
            [
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 204 No\r\n\r\n",
                "HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\nconnection: close\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n",
                "HTTP/1.0 200 OK\r\n\r\nto the end",
            ].map { [3] + Array($0.utf8) }
        },
        check: { bytes in
            let size = Int(bytes.first ?? 0) % 40 + 1
            let body = Array(bytes.dropFirst())
            let whole = answers(body, size: body.count)
            let split = answers(body, size: size)
            return split == whole ? nil : "pieces of \(size) give another answer: \(split) for \(whole)"
        })

    static let ofGateway = [httpRequests, httpAnswers]

    private static let mostHead = 2048
    private static let mostBody = 4096

    private static func pieces(_ bytes: [UInt8], _ size: Int) -> [ArraySlice<UInt8>] {
        stride(from: 0, to: bytes.count, by: max(1, size)).map { bytes[$0..<min(bytes.count, $0 + max(1, size))] }
    }

    /// What was read of a request; the body as it is, for not every byte is text.
    struct Request: Equatable {
        var head: String
        var body: [UInt8] = []
    }

    static func requests(_ bytes: [UInt8], size: Int) -> [Request] {
        var parser = RequestParser(maximumHead: mostHead, maximumBody: mostBody)
        var buffer = ByteBuffer()
        var out: [Request] = []
        for portion in pieces(bytes, size) {
            buffer.writeBytes(portion)
            do throws(HTTPFault) {
                loop: while true {
                    switch try parser.next(&buffer) {
                    case .request(let request):
                        let authority = request.absoluteAuthority.map(String.init) ?? ""
                        var lines = 0
                        request.fields.forEachLine(except: FieldName.Group(rawValue: 0)) { lines += $0.count }
                        let head = "\(request.method) \(request.target) \(request.path) \(authority) \(lines)"
                        out.append(Request(head: head, body: Array(request.body.readableBytesView)))
                    case .needsMore, .wantsContinue: break loop
                    }
                }
            } catch { return out + [Request(head: "\(error.status)")] }
        }
        return out
    }

    private static func answers(_ bytes: [UInt8], size: Int) -> [String] {
        var parser = ResponseParser(maximumHead: mostHead)
        var buffer = ByteBuffer()
        var out: [String] = []
        var body = ""
        for portion in pieces(bytes, size) {
            buffer.writeBytes(portion)
            do throws(HTTPFault) {
                loop: while true {
                    switch try parser.next(&buffer) {
                    case .head(let head): out.append("\(head.status) \(head.isKeptAlive)")
                    case .body(let part): for byte in part.readableBytesView { body += "\(byte)," }
                    case .end: out.append("end")
                    case .needsMore: break loop
                    }
                }
            } catch { return out + [body, "\(error.reason)"] }
        }
        return out + [body, "\(parser.endsWithClose)"]
    }
}
