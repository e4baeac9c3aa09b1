package import PreflightCore

/// What the models of a simulated field do, turn by turn.
///
/// Written as JSON: `{"models": {"meta-llama/llama-3.3-70b-instruct": "solves_quickly", "*": {"turns": [...]}}}`.
/// A model without an entry plays that of `*`; without one it echoes.
package struct Scenario: Sendable {
    package var name: String
    package var scripts: [String: Script]

    package init(name: String, scripts: [String: Script]) {
        self.name = name
        self.scripts = scripts
    }

    /// The script for a model, named by any of the given names.
    func script(for names: String...) -> Script {
        names.lazy.compactMap { scripts[$0] }.first ?? scripts["*"] ?? Behaviour.echoes.script
    }

    /// One model's turns. Which one to play follows from the assistant messages already in the request, so a retry
    /// plays the same turn again.
    package struct Script: Sendable {
        package enum End: String, Sendable, CaseIterable {
            /// After the last turn: a closing word, again and again.
            case stop
            /// After the last turn the first.
            case loop
        }

        package var turns: [Turn]
        package var end: End

        package init(turns: [Turn], end: End = .stop) {
            self.turns = turns
            self.end = end
        }

        /// The turn of this number, counted from 0.
        func turn(_ index: Int) -> Turn {
            var remaining = index
            let total = turns.reduce(0) { $0.addingReportingOverflow($1.repetitions).partialValue }
            if end == .loop, total > 0, !turns.contains(where: { $0.repetitions == .max }) { remaining %= total }
            for turn in turns {
                if remaining < turn.repetitions { return turn }
                remaining -= turn.repetitions
            }
            return Turn(text: "Done.")
        }
    }

    /// One answer of a model. In its texts `{{turn}}` stands for the number of the turn, from 1, and `{{prompt}}`
    /// for the beginning of what the user said last.
    package struct Turn: Sendable {
        package var text: String?
        package var toolCalls: [ToolCall]
        package var reasoning: String?
        /// Counts nobody scripted are estimated from the bytes; a scripted prompt count turns the prompt cache off.
        package var promptTokens: Int?
        package var completionTokens: Int?
        package var cachedTokens: Int?
        package var cacheWriteTokens: Int?
        package var reasoningTokens: Int?
        /// A fee beyond tokens, as for a search.
        package var extraCost: USD?
        package var wait: Wait
        package var failure: Failure?
        /// How often the turn is played; `Int.max` for ever.
        package var repetitions: Int

        package init(
            text: String? = nil, toolCalls: [ToolCall] = [], wait: Wait = .none, completionTokens: Int? = nil,
            reasoningTokens: Int? = nil, failure: Failure? = nil, repetitions: Int = 1
        ) {
            self.text = text
            self.toolCalls = toolCalls
            self.wait = wait
            self.completionTokens = completionTokens
            self.reasoningTokens = reasoningTokens
            self.failure = failure
            self.repetitions = repetitions
        }
    }

    package struct ToolCall: Sendable {
        package var name: String
        package var arguments: JSON

        package init(name: String, arguments: JSON) {
            self.name = name
            self.arguments = arguments
        }
    }

    /// What passes before the first token.
    package enum Wait: Sendable, Equatable {
        case none
        case duration(Duration)
        /// Until the client leaves.
        case forever
    }

    package struct Failure: Sendable {
        package var status: Int
        package var message: String
        /// After half of the answer, inside HTTP 200, instead of before it.
        package var isMidStream: Bool

        package init(status: Int, message: String, isMidStream: Bool = false) {
            self.status = status
            self.message = message
            self.isMidStream = isMidStream
        }
    }
}
