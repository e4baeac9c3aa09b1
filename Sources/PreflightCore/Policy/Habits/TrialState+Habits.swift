extension TrialState {
    /// Whether the gateway's events tell what it does: its agent says nothing.
    private var isSilentAgent: Bool { spokenEvents == 0 }

    /// Remembers what the event, which is applied already, tells of its habits.
    mutating func noteHabits(_ event: Event, _ facts: TrialFacts) {
        switch (event.source, event.type) {
        case (.agent, "tool_execution_start"): noteTool(event)
        case (.agent, "message_end"): noteAnswer(event)
        case (.gateway, "call_settled") where isSilentAgent: noteCall(event)
        case (.agent, "snapshot"): noteNew("a snapshot", event)
        case (.harness, "output_changed"): noteNew("a file", event)
        case (.harness, "container_started"): noteNew("the start", event)
        case (.harness, "trial_resumed"), (.harness, Self.watchGap): noteNew("the time that nobody watched", event)
        // The time in which its calls waited is not its own; what it has spent is.
        case (.harness, "trial_released"): habits?.noteWaited("it was released", at: event.elapsed)
        case (.gateway, "calls_resumed"): habits?.noteWaited("its calls went on", at: event.elapsed)
        default: break
        }
        if facts.contains(.errors) { noteErrors(at: event.elapsed) }
        guard facts.contains(.money) else { return }
        let spend = spend
        habits?.spending.take(spend, at: event.elapsed)
    }

    private mutating func noteNew(_ what: String, _ event: Event) {
        let spend = spend
        habits?.noteNew(what, at: event.elapsed, spend: spend)
    }

    private mutating func noteErrors(at elapsed: Duration) {
        guard var habits else { return }
        self.habits = nil
        while habits.errorsSeen < errors {
            // Of very many at once those that fit are enough.
            habits.errorsSeen = max(habits.errorsSeen + 1, errors - habits.errorTimes.capacity)
            // When those of unwatched time came nobody knows.
            if elapsed >= unwatchedUntil { habits.errorTimes.append(elapsed) }
        }
        self.habits = habits
    }

    private mutating func noteTool(_ event: Event) {
        let name = event.fields["toolName"]?.string ?? "tool"
        let arguments = event.fields["args"] ?? event.fields["arguments"] ?? event.fields["input"] ?? .null
        var reader = ActReader()
        reader.take(name)
        reader.take(.null)
        reader.take(arguments)
        note(tool: reader.act, kind: Self.kind(name, arguments), shown: .init(name: name, value: arguments), event)
    }

    private mutating func note(tool act: Act, kind: UInt64, shown: Habits.Shown, _ event: Event) {
        habits?.take(tool: act, shown: shown)
        guard habits?.isNew(kind: kind) == true else { return }
        noteNew("a new kind of call, \(shown.name ?? "")", event)
    }

    /// The tool, and the program that a shell is to run: `bash` alone tells nothing.
    private static func kind(_ name: String, _ arguments: JSON) -> UInt64 {
        var reader = ActReader()
        reader.take(name)
        if let command = (arguments["command"] ?? arguments["cmd"])?.string {
            reader.take(.null)
            reader.take(String(command.drop { $0 == " " }.prefix { $0 != " " && $0 != "\n" }))
        }
        return reader.hashAlone
    }

    private mutating func noteAnswer(_ event: Event) {
        let value = event.fields["text"] ?? event.fields["content"] ?? event.fields["message"]?["content"] ?? .null
        if case .string(let text) = value, text.isEmpty { return }
        guard !value.isNull else { return }
        var reader = ActReader(ignoresNumbers: true)
        reader.take(value)
        habits?.take(answer: reader.act, shown: .init(name: nil, value: value))
    }

    /// Of an agent that says nothing the gateway tells which tools were wanted, and how long the answer was.
    private mutating func noteCall(_ event: Event) {
        guard event.fields["status"]?.int ?? 200 < 400, let tokens = event.fields["usage"]?["completion_tokens"]?.int
        else { return }
        let names = event.fields["tools"]?.array?.compactMap(\.string).joined(separator: ", ") ?? ""
        var reader = ActReader()
        reader.take(names)
        let kind = reader.hashAlone
        reader.take(.int(tokens))
        let length = JSON.string("with \(tokens) tokens")
        if names.isEmpty {
            habits?.take(answer: reader.act, shown: .init(name: nil, value: length))
        } else {
            note(tool: reader.act, kind: kind, shown: .init(name: names, value: length), event)
        }
    }
}
