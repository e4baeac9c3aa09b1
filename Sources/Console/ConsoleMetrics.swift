import PreflightCore
import Synchronization

/// Counts what the gateway tells of calls and connections, for `/metrics`.
package final class ConsoleMetrics: Sendable {
    private struct CallKey: Hashable {
        var kind: String
        var model: String
        var status: String
    }

    fileprivate struct Tally {
        var cost = USD.zero
        var promptTokens = 0
        var completionTokens = 0
        var cachedTokens = 0
        var reasoningTokens = 0
    }

    private struct State {
        var calls: [CallKey: Int] = [:]
        var models: [String: Tally] = [:]
        var duration = Histogram()
        var firstToken = Histogram()
    }

    /// Callers name models as they like: further names count as one.
    private static let mostModels = 200
    private static let otherModels = "other"

    private let state = Mutex(State())
    private let connections = Atomic(0)

    package init() {}

    /// Called for every call that ended; it takes no longer than a few sums. A held call comes twice: its times count
    /// when it ends, its tokens when it is charged.
    package func observe(_ call: CallObservation) {
        state.withLock { state in
            let isKnown = state.models[call.model] != nil || state.models.count < Self.mostModels
            let model = isKnown ? call.model : Self.otherModels
            let key = CallKey(kind: call.kind, model: model, status: call.status.map(String.init) ?? "")
            state.calls[key, default: 0] += 1
            state.models[model, default: Tally()].add(call)
            guard call.isEnd else { return }
            if let duration = call.duration { state.duration.observe(duration) }
            if let first = call.timeToFirstToken { state.firstToken.observe(first) }
        }
    }

    /// How many connections the gateway has open now.
    package func setOpenConnections(_ count: Int) { connections.store(count, ordering: .relaxed) }

    func write(into text: inout PrometheusText) {
        let state = state.withLock { $0 }
        text.family("preflight_calls_total", .counter, "Calls by what became of them.")
        let calls = state.calls.sorted {
            ($0.key.kind, $0.key.model, $0.key.status) < ($1.key.kind, $1.key.model, $1.key.status)
        }
        for (key, count) in calls {
            text.sample(
                "preflight_calls_total", ["kind": key.kind, "model": key.model, "status": key.status], "\(count)")
        }
        let models = state.models.sorted { $0.key < $1.key }
        text.family("preflight_cost_usd_total", .counter, "Settled cost in dollars.")
        for (model, tally) in models {
            text.sample("preflight_cost_usd_total", ["model": model], tally.cost.decimalText)
        }
        text.family("preflight_tokens_total", .counter, "Tokens; cached and reasoning ones are parts of the others.")
        for (model, tally) in models {
            for (type, count) in tally.tokens {
                text.sample("preflight_tokens_total", ["model": model, "type": type], "\(count)")
            }
        }
        text.histogram("preflight_call_duration_seconds", state.duration, "From a call's arrival to its end.")
        text.histogram(
            "preflight_time_to_first_token_seconds", state.firstToken, "From a call's arrival to its first token.")
        text.family("preflight_open_connections", .gauge, "Connections of callers.")
        text.sample("preflight_open_connections", [:], "\(connections.load(ordering: .relaxed))")
    }
}

extension ConsoleMetrics.Tally {
    fileprivate mutating func add(_ call: CallObservation) {
        cost += call.cost ?? .zero
        guard call.isCharge, let usage = call.usage else { return }
        promptTokens = Self.sum(promptTokens, usage.promptTokens)
        completionTokens = Self.sum(completionTokens, usage.completionTokens)
        cachedTokens = Self.sum(cachedTokens, usage.cachedTokens)
        reasoningTokens = Self.sum(reasoningTokens, usage.reasoningTokens)
    }

    fileprivate var tokens: [(type: String, count: Int)] {
        [
            ("prompt", promptTokens), ("completion", completionTokens), ("cached", cachedTokens),
            ("reasoning", reasoningTokens),
        ]
    }

    private static func sum(_ a: Int, _ b: Int) -> Int {
        let (sum, overflow) = a.addingReportingOverflow(max(0, b))
        return overflow ? .max : sum
    }
}
