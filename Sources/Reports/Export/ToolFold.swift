package import PreflightCore

/// The tools that an agent ran, as its events tell: each from its start to its end.
package struct ToolFold: Sendable {
    package struct Use: Sendable, Equatable {
        package var name: String
        package var id: String?
        package var startedAt: Timestamp
        /// The same as the start where the agent told of no end.
        package var endedAt: Timestamp
        package var hasFailed = false
        /// Counts up in the log, from 1.
        package var number = 0
    }

    private var open: [(key: String, use: Use)] = []
    private var started = 0
    private static let limit = 64

    package init() {}

    package mutating func take(_ event: Event, _ give: (Use) -> Void) {
        guard event.source == .agent else { return }
        let name = event.fields["toolName"]?.string ?? "tool"
        let id = event.fields["toolCallId"]?.string
        switch event.type {
        case "tool_execution_start":
            if open.count >= Self.limit { give(open.removeFirst().use) }
            started += 1
            var use = Use(name: name, id: id, startedAt: event.timestamp, endedAt: event.timestamp)
            use.number = started
            open.append((id ?? name, use))
        case "tool_execution_end":
            guard let index = open.firstIndex(where: { $0.key == id ?? name }) else { return }
            var use = open.remove(at: index).use
            use.endedAt = max(use.startedAt, event.timestamp)
            use.hasFailed = event.fields["isError"]?.bool ?? event.fields["is_error"]?.bool ?? false
            give(use)
        default: break
        }
    }

    package mutating func finish(_ give: (Use) -> Void) {
        for entry in open { give(entry.use) }
        open = []
    }
}
