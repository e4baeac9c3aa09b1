import PreflightCore

/// A trial that has run for a minute per event.
struct PolicyFixture {
    static func event(
        _ elapsed: Duration, _ source: Event.Source, _ type: String, _ fields: JSON = [:]
    ) -> Event {
        Event(
            timestamp: Timestamp(seconds: 1_800_000_000) + elapsed, elapsed: elapsed, source: source, type: type,
            fields: fields.object ?? JSON.Object())
    }

    static let beginning = [
        event(.zero, .harness, "trial_started", ["budget": .number("0.10"), "model": "openai/gpt-4.1-mini"]),
        event(.milliseconds(100), .harness, "container_started"),
    ]

    static func rules(_ json: JSON) throws -> PolicyList {
        try PolicyList(reader: TreeReader(json, path: "eject"))
    }

    /// What fires while the events come, and then until a time.
    static func fired(_ list: PolicyList, _ events: [Event], until: Duration? = nil) -> [FiredPolicy] {
        var watch = PolicyWatch(list)
        var fired: [FiredPolicy] = []
        for event in beginning + events { fired += watch.take(event) }
        if let until { fired += watch.advance(to: until) }
        return fired
    }

    /// One event a second, from the first on.
    static func seconds(_ events: [(Event.Source, String, JSON)]) -> [Event] {
        events.enumerated().map { event(.seconds($0 + 1), $1.0, $1.1, $1.2) }
    }

    static func call(_ tool: String, _ arguments: JSON) -> (Event.Source, String, JSON) {
        (.agent, "tool_execution_start", ["toolName": .string(tool), "args": arguments])
    }

    static func answer(_ text: String, cost: String? = nil) -> (Event.Source, String, JSON) {
        (
            .agent, "message_end",
            .record(["text": .string(text), "usage": cost.map { ["cost": .number($0)] }])
        )
    }
}
