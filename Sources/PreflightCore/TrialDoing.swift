/// What a trial does now, and since when: told by the newest of its events that says so.
package struct TrialDoing: Hashable, Sendable {
    package enum What: Hashable, Sendable {
        /// Its key, its network or its container is being made.
        case starting
        /// Its agent runs, and has said of nothing that it is under way.
        case working
        /// A model is asked.
        case calling
        /// A tool of the agent runs.
        case tool(String)
        /// Its calls wait for a provider that fails.
        case waiting
        /// The agent has said that it is done; its container runs still.
        case ending
        case stopping
        /// Its container is dead; its account is being settled.
        case settling
    }

    package var what: What
    /// Since the trial began.
    package var since: Duration

    package init(_ what: What, since: Duration) {
        self.what = what
        self.since = since
    }

    /// One word, or the tool's name.
    package var text: String {
        switch what {
        case .starting: "starts"
        case .working: "works"
        case .calling: "call"
        case .tool(let name): name
        case .waiting: "waits"
        case .ending: "ends"
        case .stopping: "stops"
        case .settling: "settles"
        }
    }

    /// Reads what `text` says: every other word is a tool's name.
    package init(text: String, since: Duration) {
        let words: [What] = [.starting, .working, .calling, .waiting, .ending, .stopping, .settling]
        let what = words.first { TrialDoing($0, since: since).text == text }
        self.init(what ?? .tool(text), since: since)
    }

    /// Names are an agent's word: of longer ones this many characters are kept.
    static let nameLimit = 64
}

extension TrialState {
    /// Notes what an event of its agent says of what the trial does now.
    mutating func noteAgentDoing(_ event: Event) {
        switch event.type {
        case "message_start": step(.calling, event)
        case "message_end": endCall(event)
        case "tool_execution_start":
            let name = event.fields["toolName"]?.string ?? "tool"
            step(.tool(String(name.prefix(TrialDoing.nameLimit))), event)
        case "tool_execution_end":
            if case .tool? = doing?.what { step(openCalls > 0 ? .calling : .working, event) }
        case "agent_end": step(.ending, event)
        default: break
        }
    }

    /// The same of an event of the gateway.
    mutating func noteGatewayDoing(_ event: Event) {
        switch event.type {
        case "call_reserved":
            openCalls += 1
            step(.calling, event)
        case "call_settled", "call_held", "call_failed":
            openCalls = max(0, openCalls - 1)
            endCall(event)
        case "calls_paused", "calls_resumed":
            if pause != nil { step(.waiting, event) } else { step(openCalls > 0 ? .calling : .working, event) }
        default: break
        }
    }

    /// The same of an event of the harness: each may begin another phase.
    mutating func notePhase(at elapsed: Duration) {
        let what: TrialDoing.What? =
            switch phase {
            case .pending, .finished: nil
            case .provisioning, .starting: .starting
            case .running: .working
            case .stopping: .stopping
            case .settling: .settling
            }
        guard doing?.what != what else { return }
        doing = what.map { TrialDoing($0, since: elapsed) }
    }

    /// What its agent or its calls tell counts while its container runs. A call that waits goes on waiting.
    private mutating func step(_ what: TrialDoing.What, _ event: Event) {
        guard phase == .running, pause == nil || what == .waiting else { return }
        if what == doing?.what, what == .waiting || what == .calling { return }
        doing = TrialDoing(what, since: event.elapsed)
    }

    private mutating func endCall(_ event: Event) {
        if doing?.what == .calling, openCalls == 0 { step(.working, event) }
    }
}
