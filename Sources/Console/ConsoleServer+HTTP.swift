import HTTPServing
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import PreflightCore

extension ConsoleServer {
    func serve(_ bound: @escaping @Sendable (Bound) -> Void) async throws {
        let listener = ConsoleListener(
            host: options.host, port: options.port, connections: options.bounds.connections, body: options.bounds.body,
            refusal: { self.refusal($0) }, answer: { await self.answer($0) })
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
    /// What a request is refused with by its head alone: nobody makes us keep a body that is not read anyway.
    var refusal: @Sendable (ConsoleCall) -> ConsoleAnswer?
    var answer: @Sendable (ConsoleCall) async -> ConsoleAnswer

    /// Serves until it is cancelled.
    func serve(_ bound: @escaping @Sendable (ConsoleServer.Bound) -> Void) async throws {
        let application = Application(
            responder: Responder(listener: self),
            // Longer than the pause between two signs of life.
            server: .finishing(.init(idleTimeout: .seconds(60))),
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
        let target = request.target
        func field(_ name: String) -> String? { HTTPField.Name(name).flatMap { request.headers[$0] } }
        var call = ConsoleCall(
            method: request.method.rawValue, path: target.path, query: target.query, bearer: request.bearer,
            host: request.head.authority ?? field("Host"), origin: field("Origin"), site: field("Sec-Fetch-Site"),
            contentType: request.headers[.contentType], lastEventID: field("Last-Event-ID"))
        if let refusal = listener.refusal(call) { return response(refusal) }
        if !call.isReading {
            guard let body = try await request.collected(upTo: listener.body) else {
                return response(ConsoleAnswer(ConsoleFailure(413, "the body is too long")))
            }
            call.body = body
        }
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
