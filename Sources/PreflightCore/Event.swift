/// Something that happened in a trial. Facts only: they are appended, never edited.
package struct Event: Hashable, Sendable {
    package enum Source: String, Sendable {
        case harness, gateway, agent
    }

    package var timestamp: Timestamp
    /// Since the trial began.
    package var elapsed: Duration
    package var source: Source
    package var type: String
    package var fields: JSON.Object

    package init(
        timestamp: Timestamp, elapsed: Duration, source: Source, type: String, fields: JSON.Object = JSON.Object()
    ) {
        self.timestamp = timestamp
        self.elapsed = elapsed
        self.source = source
        self.type = type
        self.fields = fields
    }

    /// Keys that only Preflight sets, whatever an agent prints.
    package static func isReserved(_ key: String) -> Bool {
        switch key {
        case "type", "source", "timestamp", "elapsed_s", "chain": true
        default: false
        }
    }
}

extension Event {
    /// Decisions, and facts about money that no ledger keeps: they are on the disk before the trial goes on. Others are
    /// there a second later.
    package var isWeighty: Bool {
        guard source == .harness else { return false }
        return Self.weightyTypes.contains(type) || type.hasPrefix("subkey_")
    }

    private static let weightyTypes: Set<String> = [
        "trial_started", "trial_resumed", "trial_ended", "ejected", "budget_extended", "gateway_closed",
        "spend_reconciled", "trial_finished", "trial_held", "trial_released", "steered", "hook_done", "hook_failed",
        TrialScore.scoredEvent, TrialScore.failedEvent,
    ]

    /// Appends the event as one line of an event log, newline included.
    package func write(into out: inout [UInt8]) {
        writeMembers(into: &out)
        out.append(contentsOf: [UInt8(ascii: "}"), 0x0A])
    }

    /// The same up to its last member: without the closing brace.
    package func writeMembers(into out: inout [UInt8]) {
        out.append(contentsOf: #"{"timestamp":""#.utf8)
        timestamp.writeISO8601(into: &out)
        out.append(contentsOf: #"","elapsed_s":"#.utf8)
        elapsed.writeMicroseconds(into: &out)
        out.append(contentsOf: #","source":""#.utf8)
        out.append(contentsOf: source.rawValue.utf8)
        out.append(contentsOf: #"","type":"#.utf8)
        JSON.write(type, into: &out)
        for member in fields.members where !Self.isReserved(member.key) {
            out.append(UInt8(ascii: ","))
            member.write(into: &out)
        }
    }

    /// Reads a line of an event log; nil when it is torn or was written by something else.
    package init?(line: ArraySlice<UInt8>) {
        guard let json = try? JSON.parse(line), case .object(var object) = json,
            let timestamp = object["timestamp"]?.string.flatMap(Timestamp.init(iso8601:)),
            let elapsed = object["elapsed_s"]?.numberText.flatMap(Duration.init(decimalSeconds:)),
            let source = object["source"]?.string.flatMap(Source.init(rawValue:)),
            let type = object["type"]?.string
        else { return nil }
        object.removeAll(where: Self.isReserved)
        self.init(timestamp: timestamp, elapsed: elapsed, source: source, type: type, fields: object)
    }
}

/// What one line of an agent's standard output says.
package enum AgentLine: Hashable, Sendable {
    /// A JSON object of a type that agents speak.
    case event(type: String, fields: JSON.Object)
    /// Anything else, as text; `isCut` when the line was longer than Preflight keeps.
    case raw(String, isCut: Bool)

    /// What agents may say of themselves. Every other type is kept as `raw`, so that none passes for a harness event.
    package static let types: Set<String> = [
        "agent_start", "agent_end", "message_start", "message_end", "tool_execution_start", "tool_execution_end",
        "snapshot", "error", "progress",
    ]

    package init(bytes: ArraySlice<UInt8>, isCut: Bool = false) {
        if !isCut, bytes.first(where: { $0 != 0x20 && $0 != 0x09 }) == UInt8(ascii: "{"),
            let json = try? JSON.parse(bytes), case .object(var object) = json,
            let type = object["type"]?.string, Self.types.contains(type)
        {
            object.removeAll(where: Event.isReserved)
            self = .event(type: type, fields: object)
        } else {
            self = .raw(String(decoding: bytes, as: UTF8.self), isCut: isCut)
        }
    }
}
