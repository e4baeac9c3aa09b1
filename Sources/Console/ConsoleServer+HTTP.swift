import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import PreflightCore

extension ConsoleServer {
    func serve(_ bound: @escaping @Sendable (Bound) -> Void) async throws {
        let listener = ConsoleListener(
            host: options.host, port: options.port, connections: options.bounds.connections, body: options.bounds.body
        ) { await self.answer($0) }
        try await listener.serve(bound)
    }
}

/// A port of this machine, and what answers the requests that come in there.
struct ConsoleListener: Sendable {
    var host: String
    var port: Int
    var connections: Int
    /// Bytes of a request.
    var body: Int
    var answer: @Sendable (ConsoleCall) async -> ConsoleAnswer

    /// Serves until it is cancelled.
    func serve(_ bound: @escaping @Sendable (ConsoleServer.Bound) -> Void) async throws {
        let application = Application(
            responder: Responder(listener: self),
            // Longer than the pause between two signs of life.
            server: .http1(configuration: .init(idleTimeout: .seconds(60))),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port), serverName: "preflight",
                availableConnectionsDelegate: MaximumAvailableConnections(connections)),
            onServerRunning: { [host] channel in
                bound(ConsoleServer.Bound(host: host, port: channel.localAddress?.port ?? 0))
            },
            logger: Logger(label: "console", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await application.run()
    }
}

private struct Context: InitializableFromSource {
    init(source: ApplicationRequestContextSource) {}
}

/// Between HTTP and the routes.
private struct Responder: HTTPResponder {
    let listener: ConsoleListener

    func respond(to request: Request, context: Context) async throws -> Response {
        let parts = (request.head.path ?? "/").split(separator: "?", maxSplits: 1)
        func field(_ name: String) -> String? { HTTPField.Name(name).flatMap { request.headers[$0] } }
        var call = ConsoleCall(
            method: request.method.rawValue, path: QueryText.decoded(parts.first ?? "/"),
            query: parts.count > 1 ? QueryText.pairs(parts[1]) : [:], bearer: Self.bearer(request.headers),
            host: request.head.authority ?? field("Host"), origin: field("Origin"), site: field("Sec-Fetch-Site"),
            contentType: request.headers[.contentType], lastEventID: field("Last-Event-ID"))
        guard let body = try await collected(request.body) else {
            return response(ConsoleAnswer(ConsoleFailure(413, "the body is too long")))
        }
        call.body = body
        return response(await listener.answer(call))
    }

    private func response(_ answer: ConsoleAnswer) -> Response {
        var response = Response(status: HTTPResponse.Status(code: answer.status))
        response.headers[.cacheControl] = "no-store"
        response.headers[.xContentTypeOptions] = "nosniff"
        for header in answer.headers {
            if let name = HTTPField.Name(header.name) { response.headers[name] = header.value }
        }
        switch answer.body {
        case .json(let json):
            response.headers[.contentType] = "application/json"
            response.body = ResponseBody(byteBuffer: ByteBuffer(bytes: json.bytes + [UInt8(ascii: "\n")]))
        case .text(let text, let type):
            response.headers[.contentType] = type
            response.body = ResponseBody(byteBuffer: ByteBuffer(string: text))
        case .bytes(let bytes, let type):
            response.headers[.contentType] = type
            response.body = ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        case .stream(let produce):
            response.headers[.contentType] = "text/event-stream"
            response.body = ResponseBody { writer in

                for await text in produce() { try await writer.write(ByteBuffer(string: text)) }
                try await writer.finish(nil)
            }
        case .events(let events):
            response.headers[.contentType] = "text/event-stream"
            response.body = ResponseBody { writer in
                try await writer.write(ByteBuffer(string: ": following\n\n"))
                for await item in events { try await writer.write(ByteBuffer(string: item.text)) }
                try await writer.finish(nil)
            }
        }
        return response
    }

    /// Nil when the body is too long.
    private func collected(_ body: RequestBody) async throws -> [UInt8]? {
        var bytes: [UInt8] = []
        for try await buffer in body {
            guard bytes.count + buffer.readableBytes <= listener.body else { return nil }
            bytes.append(contentsOf: buffer.readableBytesView)
        }
        return bytes
    }

    private static func bearer(_ headers: HTTPFields) -> String? {
        guard let value = headers[.authorization] else { return nil }
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }
}

extension ConsoleFeed.Item {
    /// As server-sent events have it.
    fileprivate var text: String {
        switch self {
        case .event(let type, let fields): "event: \(type)\ndata: \(fields.text)\n\n"
        case .tick: ": still here\n\n"
        }
    }
}

/// The parts of an address behind its host.
enum QueryText {
    /// `%2F` and the like resolved; malformed escapes stay as they are.
    static func decoded(_ text: some StringProtocol) -> String {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = Character(UnicodeScalar(bytes[index + 1])).hexDigitValue,
                let low = Character(UnicodeScalar(bytes[index + 2])).hexDigitValue
            {
                out.append(UInt8(high * 16 + low))
                index += 3
            } else {
                out.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The first of equal names counts.
    static func pairs(_ text: some StringProtocol) -> [String: String] {
        var pairs: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = decoded(parts[0])
            if pairs[name] == nil { pairs[name] = parts.count > 1 ? decoded(parts[1]) : "" }
        }
        return pairs
    }
}
