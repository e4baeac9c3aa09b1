import NIOCore
import TestSupport
import Testing

@testable import Gateway

/// The gateway's own HTTP/1.1: any split of the bytes gives the same, and what could be read in two ways is refused.
@Suite struct FramingTests {
    private func parse(_ portions: [[UInt8]], body: Int = 1 << 20) throws(HTTPFault) -> [HTTPRequest] {
        var parser = RequestParser(maximumHead: 8192, maximumBody: body)
        var buffer = ByteBuffer()
        var found: [HTTPRequest] = []
        for portion in portions {
            buffer.writeBytes(portion)
            loop: while true {
                switch try parser.next(&buffer) {
                case .request(let request): found.append(request)
                case .needsMore, .wantsContinue: break loop
                }
            }
            buffer.discardReadBytes()
        }
        return found
    }

    private func fault(_ text: String, body: Int = 1 << 20) -> Int? {
        do throws(HTTPFault) {
            _ = try parse([Array(text.utf8)], body: body)
            return nil
        } catch { return error.status }
    }

    private static func split(_ bytes: [UInt8], _ random: inout SeededRandom, upTo longest: Int) -> [[UInt8]] {
        var portions: [[UInt8]] = []
        var index = 0
        while index < bytes.count {
            let count = min(bytes.count - index, Int.random(in: 1...longest, using: &random))
            portions.append(Array(bytes[index..<(index + count)]))
            index += count
        }
        return portions
    }

    @Test func `requests are the same in any split, one behind the other`() throws {
        let text =
            "POST /v1/a?b=c HTTP/1.1\r\nHost: x\r\nX-Api-Key:  k \r\nContent-Length: 5\r\n\r\nhello\r\n"
            + "POST /b HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
            + "5;ext=\"1\"\r\nhello\r\n0A\r\n, my world\r\n0\r\nTrailer: x\r\n\r\n"
            + "GET /c HTTP/1.0\r\n\r\n"
        var random = SeededRandom(seed: 3)
        for round in 0..<400 {
            let requests = try parse(Self.split(Array(text.utf8), &random, upTo: 1 + round % 40))
            try #require(requests.count == 3)
            #expect(requests.map { String(buffer: $0.body) } == ["hello", "hello, my world", ""])
            #expect(requests[0].path == "/v1/a")
            #expect(requests[0].fields[.apiKey] == "k")
            #expect(requests.map(\.isKeptAlive) == [true, true, false])
            #expect(requests.map(\.takesChunks) == [true, true, false])
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1, 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\ncontent-length: +1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\ncontent-length:\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, chunked\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n", 501),
        ("GET / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\nfoo: bar\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nfoo: a\rb\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nfoo: a\r\n folded\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nfoo : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\n: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nfoo: a\u{0}b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nhost: x\r\n\r\n", 505),
        ("GET / HTTP/2.0\r\nhost: x\r\n\r\n", 505),
        ("GET /\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n", 413),
        (
            "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n200000\r\n"
                + String(repeating: "x", count: 0x20_0000), 413
        ),
        ("GET / HTTP/1.1\r\nhost: x\r\nfoo: " + String(repeating: "x", count: 9000) + "\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nhost: x\r\n" + String(repeating: "a: b\r\n", count: 200) + "\r\n", 431),
    ]) func `what could be read in two ways, or is too large, is refused`(text: String, status: Int) {
        #expect(fault(text) == status)
    }

    @Test(arguments: [
        "+5\r\nhello\r\n", "-5\r\nhello\r\n", "0x5\r\nhello\r\n", " 5\r\nhello\r\n", "\r\nhello\r\n", "5\nhello\r\n",
        "5\rhello\r\n", "5\r\nhelloX\r\n", "5\r\nhello\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\n", "g\r\n", "0\r\n\n",
        "0\r\na: b\n\r\n", "5;\n\r\n",
    ]) func `a chunk that is not framed as it should be is refused`(text: String) {
        #expect(fault("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + text) == 400)
    }

    @Test func `answers are the same in any split`() throws {
        let text =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
            + "HTTP/1.1 204 No Content\r\n\r\n"
            + "HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\nconnection: close\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n"
            + "HTTP/1.0 200 OK\r\n\r\nto the end"
        var random = SeededRandom(seed: 5)
        for round in 0..<300 {
            var parser = ResponseParser(maximumHead: 4096)
            var buffer = ByteBuffer()
            var heads: [Int] = []
            var alive: [Bool] = []
            var bodies: [String] = []
            var ends = 0
            for portion in Self.split(Array(text.utf8), &random, upTo: 1 + round % 30) {
                buffer.writeBytes(portion)
                loop: while true {
                    switch try parser.next(&buffer) {
                    case .head(let head):
                        heads.append(head.status)
                        alive.append(head.isKeptAlive)
                        bodies.append("")
                    case .body(let bytes): bodies[bodies.count - 1] += String(buffer: bytes)
                    case .end: ends += 1
                    case .needsMore: break loop
                    }
                }
            }
            #expect(heads == [200, 204, 429, 200])
            #expect(alive == [true, true, false, false])
            #expect(bodies == ["abc", "", "def", "to the end"])
            #expect(ends == 3)
            #expect(parser.endsWithClose)
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func `no bytes trap the parsers, and no split changes their answer`(
        seed: UInt64
    ) {
        var random = SeededRandom(seed: seed)
        let pieces = [
            "GET ", "POST ", "/", " HTTP/1.1", "\r\n", "\r", "\n", "host: x", "content-length: ", "5", "0",
            "transfer-encoding: chunked", ":", " ", ";", "ffffffff", "hello", "\u{0}", "\u{FF}", "HTTP/1.1 200 OK",
            "expect: 100-continue", "connection: close",
        ]
        for _ in 0..<1500 {
            var text: [UInt8] = []
            if Bool.random(using: &random) { text += Array("POST / HTTP/1.1\r\nhost: x\r\n".utf8) }
            if Bool.random(using: &random) { text += Array("transfer-encoding: chunked\r\n\r\n".utf8) }
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                text += Array(pieces[Int.random(in: 0..<pieces.count, using: &random)].utf8)
            }
            let whole = outcome(requests: [text])
            #expect(outcome(requests: Self.split(text, &random, upTo: 5)) == whole)
            let answer = outcome(answers: [text])
            #expect(outcome(answers: Self.split(text, &random, upTo: 5)) == answer)
        }
    }

    private func outcome(requests portions: [[UInt8]]) -> [String] {
        var parser = RequestParser(maximumHead: 8192, maximumBody: 1 << 20)
        var buffer = ByteBuffer()
        var out: [String] = []
        for portion in portions {
            buffer.writeBytes(portion)
            do throws(HTTPFault) {
                loop: while true {
                    switch try parser.next(&buffer) {
                    case .request(let request): out.append("\(request.method) \(request.target) \(request.body)")
                    case .needsMore, .wantsContinue: break loop
                    }
                }
            } catch { return out + ["\(error.status)"] }
        }
        return out
    }

    private func outcome(answers portions: [[UInt8]]) -> [String] {
        var parser = ResponseParser(maximumHead: 8192)
        var buffer = ByteBuffer()
        var out: [String] = []
        var body = ""
        for portion in portions {
            buffer.writeBytes(portion)
            do throws(HTTPFault) {
                loop: while true {
                    switch try parser.next(&buffer) {
                    case .head(let head): out.append("\(head.status)")
                    case .body(let bytes): body += String(buffer: bytes)
                    case .end: out.append("end")
                    case .needsMore: break loop
                    }
                }
            } catch { return out + [body, "\(error.reason)"] }
        }
        return out + [body]
    }
}
