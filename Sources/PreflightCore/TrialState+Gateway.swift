extension TrialState {
    /// Applies what the gateway told of the trial's calls.
    mutating func applyGateway(_ event: Event) -> TrialFacts {
        events += 1
        noteDelivery(event)
        lastActivity = event.elapsed
        switch event.type {
        case "call_settled":
            close(event)
            // At no cost, since its upstream is free; it was no answer all the same.
            if let status = event.fields["status"]?.int, status >= 400 {
                guard event.fields["sent_again"]?.bool != true else { return .anything }
                noteError(event)
                noteRefusal(event)
                return .anything
            }
            providerRefusal = nil
            // It was charged for, and is no answer that its agent could go on with.
            if event.fields["failure_status"] != nil { noteRefusal(event) }
            takeUsage(event)
            // Agents that tell of their tools are counted by what they tell: a call may name tools that are never run.
            if spokenEvents == 0 { takeTools(event) }
        case "call_held":
            close(event)
            noteRefusal(event)
        case "call_reconciled":
            gatewaySpend = event.fields["spent_usd"]?.usd() ?? gatewaySpend
        case "call_failed":
            // What is sent again has not failed yet.
            guard event.fields["sent_again"]?.bool != true else { return .events }
            noteError(event)
            noteRefusal(event)
        case "calls_paused":
            let reason = event.fields["reason"]?.string ?? "the provider fails"
            pause = Pause(reason: reason, models: (pause?.models ?? 0) + 1)
        case "calls_resumed":
            pausedFor += event.fields["duration_s"]?.numberText.flatMap(Duration.init(decimalSeconds:)) ?? .zero
            pause?.models -= 1
            if pause?.models ?? 0 <= 0 { pause = nil }
        case "call_refused":
            noteError(event)
            // A limit that the agent set for one call says nothing of its budget.
            guard event.fields["status"]?.int == 402, event.fields["refused_by"] != "call" else {
                return [.events, .errors]
            }
            budgetRefusals += 1
            budgetRefusalsInARow += 1
        default: return .events
        }
        return .anything
    }

    /// An agent that speaks tells of the same trouble itself.
    private mutating func noteError(_ event: Event) {
        if spokenEvents == 0 { errors += 1 }
        lastError = event.fields["reason"]?.string ?? lastError
    }

    private mutating func noteRefusal(_ event: Event) {
        guard let status = event.fields["failure_status"]?.int ?? event.fields["status"]?.int else { return }
        providerRefusal = ProviderRefusal(
            status: status, reason: event.fields["reason"]?.string ?? "the provider answered \(status)")
    }

    private mutating func close(_ event: Event) {
        calls += 1
        hasSpendData = true
        // Events of calls that end together may come in either order.
        if let spent = event.fields["spent_usd"]?.usd() { gatewaySpend = max(gatewaySpend, spent) }
    }

    private mutating func takeUsage(_ event: Event) {
        budgetRefusalsInARow = 0
        guard let json = event.fields["usage"] else { return }
        usage = usage + (Usage(counts: json) ?? Usage())
    }

    private mutating func takeTools(_ event: Event) {
        turns += 1
        let tools = event.fields["tools"]?.array?.compactMap(\.string) ?? []
        for (index, tool) in tools.enumerated() {
            toolCalls += 1
            lastTool = tool
            noteAction(tool, cost: index == 0 ? event.fields["cost_usd"]?.usd() ?? .zero : .zero)
        }
    }
}
