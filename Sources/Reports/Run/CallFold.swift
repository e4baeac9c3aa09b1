package import PreflightCore

/// Makes calls out of a trial's events, one after the other, each handed out once what is to be known of it is known.
///
/// It holds only what is still open: calls under way, and those whose cost is not known.
package struct CallFold: Sendable {
    private var model = ""
    private var upstream: String?
    private var isMetered = false
    /// By their numbers in the ledger, in the order of their beginning.
    private var open: [Int64: CallEntry] = [:]
    private var held: [Int64: CallEntry] = [:]
    private var messageStart: Duration?
    private var seen: Set<String> = []

    package init() {}

    package mutating func take(_ event: Event, _ give: (CallEntry) -> Void) {
        switch event.source {
        case .harness: takeHarness(event)
        case .gateway: takeGateway(event, give)
        case .agent: takeAgent(event, give)
        }
    }

    /// Hands out what is open at the log's end: calls that nobody saw end, and those of unknown cost.
    package mutating func finish(_ give: (CallEntry) -> Void) {
        let left = Array(held.values) + Array(open.values)
        for call in left.sorted(by: { ($0.endedAt, $0.number ?? 0) < ($1.endedAt, $1.number ?? 0) }) { give(call) }
        held = [:]
        open = [:]
    }

    private mutating func takeHarness(_ event: Event) {
        guard event.type == "trial_started" else { return }
        model = event.fields["model"]?.string ?? model
        upstream = event.fields["upstream"]?.string
        isMetered = event.fields["access"]?.string == "gateway"
    }

    private mutating func takeGateway(_ event: Event, _ give: (CallEntry) -> Void) {
        let number = event.fields["call"]?.int.map(Int64.init)
        func end(_ ending: CallEntry.Ending) -> CallEntry { CallEntry(ending, gateway: event) }
        switch event.type {
        case "call_reserved":
            if let number { open[number] = end(.open) }
        case "call_settled":
            if let number { open[number] = nil }
            give(end(.settled))
        case "call_held":
            guard let number else { return give(end(.held)) }
            open[number] = nil
            held[number] = end(.held)
        case "call_reconciled":
            guard let number, var call = held.removeValue(forKey: number) else { return }
            call.ending = .settled
            call.cost = event.fields["cost_usd"]?.usd()
            call.basis = event.fields["basis"]?.string
            if let counts = event.fields["usage"] { call.usage = Usage(counts: counts) }
            give(call)
        case "call_refused": give(end(.refused))
        case "call_failed":
            let call = end(.failed)
            if let number, !call.isSentAgain { open[number] = nil }
            give(call)
        default: break
        }
    }

    /// With direct access what an agent prints of its answers is all there is.
    private mutating func takeAgent(_ event: Event, _ give: (CallEntry) -> Void) {
        if event.type == "message_start" { messageStart = event.elapsed }
        guard !isMetered, ["message_end", "tool_execution_start", "tool_execution_end"].contains(event.type),
            let json = event.fields["usage"] ?? event.fields["message"]?["usage"], let usage = Usage(json: json)
        else { return }
        let id = event.fields["responseId"]?.string ?? event.fields["generation_id"]?.string
        if let id {
            // As the fold of the trial counts: an answer once, however often it is printed.
            if seen.count >= 10_000 { seen.removeAll() }
            guard seen.insert(id).inserted else { return }
        }
        var call = CallEntry(.told, model: model, timestamp: event.timestamp, endedAt: event.elapsed)
        call.upstream = upstream
        call.generation = id
        call.usage = usage
        call.cost = usage.cost
        call.basis = usage.cost == nil ? nil : "agent"
        call.finish = event.fields["finishReason"]?.string.map { [$0] } ?? []
        if event.type == "message_end", let start = messageStart { call.duration = event.elapsed - start }
        messageStart = nil
        give(call)
    }
}
