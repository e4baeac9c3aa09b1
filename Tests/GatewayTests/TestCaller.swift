import NIOCore
import NIOPosix
import PreflightCore

/// An HTTP caller that sees bytes and times, for what a library's client would hide.
struct TestCaller: Sendable {
    var host = "127.0.0.1"
    var port: Int
    var key: String

    struct Answer: Sendable {
        var status = 0
        var headers: [String: String] = [:]
        var body: [UInt8] = []
        /// When each read came, and how many bytes of body it brought.
        var arrivals: [(at: ContinuousClock.Instant, count: Int)] = []
        /// The answer came to the end that its framing promises.
        var isComplete = false

        var json: JSON? { try? JSON.parse(body) }
        var text: String { String(decoding: body, as: UTF8.self) }
        func money(_ header: String) -> USD? { headers[header].flatMap { USD(decimal: $0) } }
    }

    /// One request on a connection of its own. The caller hangs up after `leavesAfter` bytes of body, or that long
    /// after it has asked.
    func send(
        _ method: String = "POST", _ path: String, _ body: JSON? = nil, headers: [String: String] = [:],
        leavesAfter: Int? = nil, leavesWithin: TimeAmount? = nil
    ) async throws -> Answer {
        try await sendBytes(
            method, path, body?.bytes ?? [], headers: headers, leavesAfter: leavesAfter, leavesWithin: leavesWithin)
    }

    func sendBytes(
        _ method: String, _ path: String, _ body: [UInt8], headers: [String: String] = [:], leavesAfter: Int? = nil,
        leavesWithin: TimeAmount? = nil
    ) async throws -> Answer {
        var head = "\(method) \(path) HTTP/1.1\r\nhost: test\r\nconnection: close\r\n"
        if !key.isEmpty, headers["x-api-key"] == nil { head += "authorization: Bearer \(key)\r\n" }
        if method == "POST" { head += "content-type: application/json\r\ncontent-length: \(body.count)\r\n" }
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        return try await exchange(
            Array((head + "\r\n").utf8) + body, leavesAfter: leavesAfter, leavesWithin: leavesWithin)
    }

    /// Sends bytes as they are, and reads one answer.
    func exchange(_ bytes: [UInt8], leavesAfter: Int? = nil, leavesWithin: TimeAmount? = nil) async throws -> Answer {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        if let leavesWithin {
            let connection = channel.channel
            connection.eventLoop.scheduleTask(in: leavesWithin) { connection.close(promise: nil) }
        }
        var reader = AnswerParser()
        do {
            try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(bytes: bytes))
                for try await buffer in inbound {
                    reader.feed(buffer)
                    if reader.answer.isComplete { break }
                    if let leavesAfter, reader.answer.body.count >= leavesAfter { break }
                }
            }
        } catch is IOError where !reader.answer.body.isEmpty {
            // The peer reset the connection after what it had to say.
        } catch  where leavesWithin != nil {
            // The caller has left.
        }
        reader.finish()
        return reader.answer
    }
}

/// Reads one answer, leniently: what is under test is the gateway's framing, not this.
private struct AnswerParser {
    var answer = TestCaller.Answer()
    private var pending: [UInt8] = []
    private var hasHead = false
    private var left: Int?
    private var isChunked = false

    mutating func feed(_ buffer: ByteBuffer) {
        let before = answer.body.count
        pending += buffer.readableBytesView
        if !hasHead { readHead() }
        guard hasHead else { return }
        if isChunked { readChunks() } else { readPlain() }
        answer.arrivals.append((.now, answer.body.count - before))
    }

    mutating func finish() {
        if hasHead, !isChunked, left == nil { answer.isComplete = true }
    }

    private mutating func readHead() {
        guard let end = find([13, 10, 13, 10]) else { return }
        let lines = String(decoding: pending[..<end], as: UTF8.self).split(separator: "\r\n")
        pending.removeFirst(end + 4)
        answer.status = lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            answer.headers[line[..<colon].lowercased()] =
                String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        guard answer.status >= 200 else { return readHead() }
        hasHead = true
        isChunked = answer.headers["transfer-encoding"] == "chunked"
        left = answer.headers["content-length"].flatMap { Int($0) }
    }

    private mutating func readPlain() {
        answer.body += pending
        pending = []
        if let left, answer.body.count >= left { answer.isComplete = true }
    }

    private mutating func readChunks() {
        while let end = find([13, 10]), let size = Int(String(decoding: pending[..<end], as: UTF8.self), radix: 16) {
            guard pending.count >= end + 2 + size + 2 else { return }
            if size == 0 {
                answer.isComplete = true
                return
            }
            answer.body += pending[(end + 2)..<(end + 2 + size)]
            pending.removeFirst(end + 2 + size + 2)
        }
    }

    private func find(_ mark: [UInt8]) -> Int? {
        guard pending.count >= mark.count else { return nil }
        return (0...(pending.count - mark.count)).first { pending[$0..<($0 + mark.count)].elementsEqual(mark) }
    }
}
