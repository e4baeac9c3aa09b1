/// The bytes that end a stream early, in the caller's dialect, so that its client understands what happened.
package struct StreamEnding: Sendable {
    package var reason: Reason
    /// Counts for the caller: in chat only callers who asked for usage are given them.
    package var usage: Usage?
    /// Used where the stream has not named its id and model itself.
    package var id: String
    package var model: String
    /// The output items of a response so far, if they are known.
    package var output: [JSON]

    package enum Reason: Sendable {
        /// The budget is used up: the answer ends like one that reached its longest length.
        case truncated
        /// The upstream failed or was cut: an error inside the stream.
        case failed(Refusal)
    }

    package init(_ reason: Reason, usage: Usage? = nil, id: String, model: String, output: [JSON] = []) {
        self.reason = reason
        self.usage = usage
        self.id = id
        self.model = model
        self.output = output
    }

    /// What is to be sent behind everything that the meter handed on; nothing if the stream is at its end already.
    ///
    /// An event that was handed on in part is ended first, in a way that its reader passes over or that makes it part
    /// of the ending. Nil if that cannot be done; then closing the connection is all that is left.
    package func bytes(after meter: StreamMeter) -> [UInt8]? {
        guard let unfinished = meter.unfinishedEvent else { return written(remaining(after: meter)) }
        switch unfinished.repair {
        case .impossible: return nil
        case .done(let bytes): return bytes
        // The caller then has the event, so what follows must go with it.
        case .ended(let bytes): return bytes + written(remaining(after: meter.reading(bytes)))
        case .open(let bytes, let needsComma):
            if meter.facts.isFinished, let rest = unfinished.restOfDoneMark { return rest }
            var events = remaining(after: meter)
            let event = absorbed(&events, meter.facts)
            var out = bytes
            if needsComma { out.append(UInt8(ascii: ",")) }
            out.append(contentsOf: event.json.bytes.dropFirst())
            out.append(0x0A)
            if let name = event.name { out.append(contentsOf: "event: \(name)\n".utf8) }
            out.append(0x0A)
            return out + written(events)
        }
    }

    private func written(_ events: [Event]) -> [UInt8] {
        events.reduce(into: []) { $1.write(into: &$0) }
    }

    private func remaining(after meter: StreamMeter) -> [Event] {
        guard !meter.facts.isFinished else { return [] }
        return switch meter.facts.dialect {
        case .chat, .completions, .embeddings: chatEvents(after: meter.facts)
        case .messages: messagesEvents(after: meter.facts)
        case .responses: responsesEvents(after: meter)
        }
    }

    /// One event to be sent.
    struct Event {
        var name: String?
        var json: JSON

        func write(into out: inout [UInt8]) {
            if let name { out.append(contentsOf: "event: \(name)\n".utf8) }
            out.append(contentsOf: "data: ".utf8)
            if json == StreamEnding.doneMark {
                out.append(contentsOf: "[DONE]".utf8)
            } else {
                json.write(into: &out)
            }
            out.append(contentsOf: "\n\n".utf8)
        }
    }

    static let doneMark = JSON.string("[DONE]")

    /// What makes an event that was cut harmless. Where a key stands twice the last one counts, and so does the last
    /// name of an event; an error is heeded wherever it stands.
    private func absorbed(_ events: inout [Event], _ facts: AnswerFacts) -> Event {
        let dialect = facts.dialect
        // Behind the end there is nothing to report.
        switch (facts.isFinished ? .truncated : reason, dialect) {
        case (.failed(let refusal), .messages):
            events = []
            return messagesError(refusal)
        case (.failed(let refusal), .responses):
            events.removeAll { $0.json != Self.doneMark }
            return responsesError(refusal, facts.lastSequenceNumber.map { $0 + 1 } ?? 0)
        case (.failed(let refusal), _):
            events.removeAll { $0.json != Self.doneMark }
            return Event(json: .record(["error": refusal.error(in: dialect)]))
        case (.truncated, .messages): return Event(name: "ping", json: ["type": "ping"])
        case (.truncated, .responses): return Event(name: "keepalive", json: ["type": "keepalive"])
        case (.truncated, _):
            // The first event is the one with the finish reasons, if any is missing.
            guard let choices = events.first?.json["choices"], choices != [] else {
                return Event(json: ["choices": []])
            }
            events.removeFirst()
            return Event(json: .record(["choices": choices]))
        }
    }
}
