import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import PreflightCore

extension SimulatorServer {
    /// Serves one address until cancelled.
    func serve(on address: Address, onBound: @escaping @Sendable (Int) -> Void) async throws {
        let application = Application(
            responder: Responder(server: self),
            server: .http1(
                configuration: .init(additionalChannelHandlers: [ClosesWithClient(connections: self.clients)])),
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port), serverName: "cloudflare"),
            onServerRunning: { channel in onBound(channel.localAddress?.port ?? address.port) },
            logger: Logger(label: "simulator", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await application.run()
    }
}

/// What a request comes with besides itself.
private struct Context: InitializableFromSource {
    let channel: any Channel

    init(source: ApplicationRequestContextSource) { channel = source.channel }
}

/// Between HTTP and the endpoints: reads requests, plays faults, writes answers.
private struct Responder: HTTPResponder {
    let server: SimulatorServer

    func respond(to request: Request, context: Context) async throws -> Response {
        let client = server.clients.connection(of: context.channel)
        let parts = (request.head.path ?? "/").split(separator: "?", maxSplits: 1)
        var call = ServerCall(
            method: request.method.rawValue, path: PercentEncoding.decoded(parts.first ?? "/"),
            query: parts.count > 1 ? PercentEncoding.query(parts[1]) : [:],
            bearer: Self.bearer(request.headers), body: [], client: client)
        guard let body = try await Self.collected(request.body) else { return try Response(Reply(.tooLarge)) }
        call.body = body
        if call.path.hasPrefix("/_simulator") { return try Response(server.control(call)) }
        call.errorShape =
            call.path.hasPrefix("/api/v1/messages") ? .anthropic : server.options.flavour.errorShape
        if call.errorShape == .anthropic, call.bearer == nil, let name = HTTPField.Name("x-api-key") {
            call.bearer = request.headers[name]
        }
        if call.method == "POST" { call.parsed = try? JSON.parse(call.body) }
        do throws(APIError) {
            call.orders = try Orders(headers: request.headers, body: call.parsed)
        } catch {
            return try Response(Reply(error, call.errorShape))
        }

        let fault = server.takeFault(for: call)
        let delivery = await server.delivery(of: call, under: fault)
        server.log(call, status: delivery.status, fault: fault)
        return try await response(delivery, client)
    }

    private func response(_ delivery: Delivery, _ client: ClientConnection) async throws -> Response {
        switch delivery {
        case .nothing:
            await client.cut()
            return Response(status: .internalServerError)
        case .reply(let reply): return try Response(reply)
        case .truncated(let reply): return try Response(truncating: reply, client: client)
        }
    }

    /// Nil when the body is too long.
    private static func collected(_ body: RequestBody) async throws -> [UInt8]? {
        var bytes: [UInt8] = []
        for try await buffer in body {
            guard bytes.count + buffer.readableBytes <= ServerCall.maximumBodyBytes else { return nil }
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
