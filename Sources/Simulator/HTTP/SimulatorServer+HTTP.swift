import HTTPServing
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
            server: .finishing(.init(additionalChannelHandlers: [ClosesWithClient(connections: self.clients)])),
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
        let target = request.target
        var call = ServerCall(
            method: request.method.rawValue, path: target.path, query: target.query, bearer: request.bearer, body: [],
            client: client)
        guard let body = try await request.collected(upTo: ServerCall.maximumBodyBytes) else {
            return try Response(Reply(.tooLarge))
        }
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

        let keyHash = server.keyHash(of: call)
        let fault = server.takeFault(for: call)
        let delivery = await server.delivery(of: call, under: fault)
        server.log(call, of: keyHash, status: delivery.status, fault: fault)
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
}
