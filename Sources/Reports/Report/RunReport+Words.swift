import PreflightCore

/// What all formats of a report say alike.
extension RunReport {
    /// `3 of 9 completed, $0.046 of $0.45 spent in 34s`.
    package var headline: String {
        let done = trials.filter { $0.summary.outcome == .completed }.count
        let running = trials.filter { $0.summary.outcome == nil }.count
        let money = money
        return "\(done) of \(trials.count) completed"
            + (running > 0 ? ", \(running) not ended" : "")
            + ", \(money.spent) of \(money.budgets) spent"
            + (money.unknown > .zero ? ", up to \(money.unknown) not yet billed" : "")
            + (elapsed.map { " in \($0.shortText)" } ?? "")
    }

    /// What a reader must know before believing the rest.
    package var warnings: [String] {
        var warnings: [String] = []
        if isAlive { warnings.append("The run goes on: this is how it stands now.") }
        if let silentFor { warnings.append("Its process has not been heard of for \(silentFor.shortText).") }
        let lost = trials.filter { $0.summary.outcome == .lost }.map(\.summary.alias)
        if !lost.isEmpty {
            warnings.append("Its harness died: \(Self.list(lost)) lost. What is told of them is what their logs hold.")
        }
        if wasStopped { warnings.append("Its owner ended the run before its time.") }
        if let breaker { warnings.append("The run was ended before its time: \(PlainText.oneLine(breaker))") }
        let unknown = money.unknown
        if unknown > .zero { warnings.append("Up to \(unknown) more may turn up on the bill.") }
        if !left.isEmpty {
            warnings.append("Not given back: \(Self.list(left)). `preflight sweep` tries again.")
        }
        for attempt in trials.flatMap(\.attempts) {
            if let damage = attempt.damage { warnings.append("\(attempt.name): \(PlainText.oneLine(damage))") }
        }
        // Calls of several models wait side by side.
        let pausedFor = trials.map { min($0.summary.pausedFor, $0.newest.curve.end) }.max() ?? .zero
        if pausedFor >= .seconds(1) {
            warnings.append("Calls waited up to \(pausedFor.shortText) for a provider that failed.")
        }
        return warnings
    }

    /// At most ten names, and how many more.
    static func list(_ names: [String]) -> String {
        let shown = names.prefix(10).map { PlainText.cut(PlainText.oneLine($0), to: 60) }.joined(separator: ", ")
        return names.count > 10 ? "\(shown) and \(names.count - 10) more" : shown
    }

    /// Whether all calls of the run are told by the gateway.
    var isMetered: Bool { trials.contains { $0.newest.isMetered } }

    /// Every trial has ended, so that what may still turn up is known.
    var isSettled: Bool { trials.allSatisfy { $0.summary.outcome != nil } }

    /// Verdicts, orders and troubles of all attempts, by trial.
    var allMoments: [(attempt: AttemptReport, moments: [Moment])] {
        trials.flatMap(\.attempts).compactMap { $0.moments.isEmpty ? nil : ($0, $0.moments) }
    }

    /// Why a trial ended as it did, and that it was run again.
    static func why(_ summary: TrialSummary) -> String { StatusFrame.why(summary) ?? "" }

    /// The time that a trial took over all attempts is that of the newest: earlier ones are told apart.
    static func tokens(_ usage: Usage) -> String {
        "\(Figures.count(usage.promptTokens)) in, \(Figures.count(usage.completionTokens)) out"
    }
}
