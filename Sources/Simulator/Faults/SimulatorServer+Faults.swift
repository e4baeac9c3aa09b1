import Hummingbird
import PreflightCore

/// How an answer leaves.
enum Delivery: Sendable {
    case reply(Reply)
    /// The first half of it.
    case truncated(Reply)
    /// The connection closes.
    case nothing

    var status: Int? {
        switch self {
        case .reply(let reply), .truncated(let reply): reply.status
        case .nothing: nil
        }
    }
}

extension SimulatorServer {
    func takeFault(for call: ServerCall) -> Fault? {
        call.orders?.fault ?? withState { $0.faults.take(method: call.method, path: call.path) }
    }

    /// Before the call: its key may be gone afterwards.
    func keyHash(of call: ServerCall) -> String? {
        call.bearer.flatMap { bearer in withState { $0.keys[secret: bearer]?.hash } }
    }

    func log(_ call: ServerCall, of keyHash: String?, status: Int?, fault: Fault?) {
        // An answer that is refused is none that could be changed.
        let isPlayed = fault?.kind.isOrder != true || status.map { $0 < 400 } ?? true
        let answered = AnsweredCall(
            at: now(), method: call.method, path: call.path, status: status,
            fault: isPlayed ? fault?.kind.rawValue : nil, keyHash: keyHash)
        withState { $0.calls.add(answered) }
    }

    /// The endpoint's answer, or what a fault makes of it.
    func delivery(of call: ServerCall, under fault: Fault?) async -> Delivery {
        guard let fault else { return Self.delivery(await answer(call)) }
        if fault.kind.isOrder {
            var call = call
            var orders = call.orders ?? Orders()
            orders.apply(fault)
            call.orders = orders
            return Self.delivery(await answer(call))
        }
        if fault.isCarriedOut { await carryOut(call) }
        do {
            switch fault.kind {
            case .status: return .reply(fault.statusReply(call.errorShape))
            case .errorInSuccess: return .reply(fault.errorInSuccess(call.errorShape))
            case .delay:
                try await call.client.wait(fault.delay, on: clock)
                return Self.delivery(await answer(call))
            case .hang: try await call.client.waitUntilLeft()
            case .drop: break
            case .malformed:
                return .reply(
                    Reply(
                        status: fault.status ?? 200, text: fault.body ?? #"{"data": {"id": "#,
                        contentType: "application/json"))
            case .html: return .reply(fault.htmlReply)
            case .empty: return .reply(Reply(status: fault.status ?? 200, text: "", contentType: "application/json"))
            case .truncatedStream:
                let reply = await answer(call)
                return reply.map(Delivery.truncated) ?? .nothing
            case .missingUsage, .ignoresMaxTokens, .midStreamError, .cutStream, .unfinishedStream, .stall,
                .slowFirstToken, .keepsGenerating:
                return Self.delivery(await answer(call))
            }
        } catch {
            // The client left, or the server stops.
        }
        return .nothing
    }

    private static func delivery(_ reply: Reply?) -> Delivery {
        guard let reply else { return .nothing }
        return reply.isTruncated ? .truncated(reply) : .reply(reply)
    }

    /// Lets the call happen, with all it costs, for nobody.
    private func carryOut(_ call: ServerCall) async {
        var call = call
        call.client = .patient
        guard case .stream(let stream)? = await answer(call)?.body else { return }
        var nowhere: any ResponseBodyWriter = DiscardingWriter()
        // Fails only when the server stops.
        try? await stream.run(&nowhere)
    }
}

extension Fault {
    /// An error that is nowhere but in the body.
    fileprivate func errorInSuccess(_ shape: ErrorShape) -> Reply {
        let status = status ?? 502
        let error = APIError(status: status, message: body ?? Self.message(status))
        return Reply(error.json(shape), status: 200)
    }

    fileprivate func statusReply(_ shape: ErrorShape) -> Reply {
        let status = status ?? 500
        var reply: Reply
        if let body {
            reply = Reply(status: status, text: body, contentType: "application/json")
        } else {
            reply = Reply(APIError(status: status, message: Self.message(status)), shape)
        }
        if let retryAfter { reply.headers.append(("Retry-After", String(retryAfter))) }
        return reply
    }

    fileprivate var htmlReply: Reply {
        let status = status ?? 502
        let page = """
            <!DOCTYPE html>
            <html><head><title>openrouter.ai | \(status): Bad gateway</title></head>
            <body><h1>Bad gateway</h1><p>The web server reported a bad gateway error.</p></body></html>
            """
        var reply = Reply(status: status, text: body ?? page, contentType: "text/html; charset=UTF-8")
        if let retryAfter { reply.headers.append(("Retry-After", String(retryAfter))) }
        return reply
    }

    private static func message(_ status: Int) -> String {
        switch status {
        case 401: "User not found."
        case 402: "Insufficient credits. Add more using https://openrouter.ai/credits"
        case 403: "Only management keys can perform this operation"
        case 408: "Request timed out"
        case 429: "Rate limit exceeded"
        case 502: "Provider returned error"
        case 503: "No providers available"
        case 529: "Provider overloaded"
        default: "Internal Server Error"
        }
    }
}
