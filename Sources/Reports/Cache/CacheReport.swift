package import PreflightCore
import Store

/// How much of a run's prompts came from providers' caches, what that saved at the run's prices, and what broke the
/// beginnings of prompts that were not read.
package struct CacheReport: Sendable {
    package var run: String
    package var lines: [CacheLine]
    /// One by one, where that was asked for.
    package var calls: [CacheCall]?
    /// Those that came after the limit, and are in the sums alone.
    package var untoldCalls = 0

    /// Of calls that are told one by one.
    package static let callLimit = 100_000

    /// - Parameters:
    ///   - view: its logs are read; of a trial without one the summary tells.
    ///   - limit: of calls that are told one by one.
    package static func read(_ view: RunView, withCalls: Bool = false, limit: Int = callLimit) -> CacheReport {
        let directory = RunDirectory(path: view.directory, id: view.id)
        let made = Provenance.read(directory.lockPath)
        var report = CacheReport(run: view.id, lines: [], calls: withCalls ? [] : nil)
        for trial in view.trials {
            var lines: [ModelSource: CacheLine] = [:]
            for (number, summary) in (trial.earlier + [trial]).enumerated() {
                let place = directory.trial(trial.alias, attempt: number + 1)
                var fold = CacheFold(provenance: made)
                var seen = false
                _ = AttemptReport.read(summary, in: place) { event in
                    fold.take(event)
                } call: { call in
                    guard let judged = fold.take(call) else { return }
                    seen = true
                    lines[judged.source, default: CacheLine(alias: trial.alias, source: judged.source)].take(judged)
                    guard withCalls else { return }
                    if report.calls?.count ?? 0 < limit {
                        report.calls?.append(CacheCall(attempt: place.attempt, judged: judged))
                    } else {
                        report.untoldCalls += 1
                    }
                }
                guard !seen else { continue }
                lines[trial.source, default: CacheLine(alias: trial.alias, source: trial.source)]
                    .take(summary, at: made.pricing(of: trial.source))
            }
            report.lines += lines.sorted { $0.key < $1.key }.map(\.value)
        }
        return report
    }

    package var total: CacheLine { CacheLine(alias: "all", source: ModelSource(model: ""), sumOf: lines) }

    /// The lines of one model together, over all trials.
    package var models: [CacheLine] {
        let grouped = Dictionary(grouping: lines, by: \.source)
        return grouped.sorted { $0.key < $1.key }.map { source, lines in
            CacheLine(alias: "", source: source, sumOf: lines)
        }
    }
}

/// A call, judged, of one attempt.
package struct CacheCall: Sendable {
    package var attempt: TrialAttempt
    package var judged: JudgedCall
}

/// The calls of one trial to one model.
package struct CacheLine: Sendable, Equatable {
    package var alias: String
    package var source: ModelSource
    package var calls = 0
    package var usage = Usage()
    /// What was read cost that much less than it would have uncached; nil where a price is unknown.
    package var saved: USD? = .zero
    /// What was written cost that much more than plain prompt tokens.
    package var paidForWrites: USD? = .zero
    /// What an unbroken beginning would have saved beside.
    package var missed: USD? = .zero
    package var missedTokens = 0
    /// How often each verdict was given.
    package var verdicts: [CacheVerdict: Int] = [:]

    package init(alias: String, source: ModelSource) {
        self.alias = alias
        self.source = source
    }

    /// Reading less writing; nil where a price is unknown.
    package var net: USD? {
        guard let saved, let paidForWrites else { return nil }
        return saved - paidForWrites
    }

    mutating func take(_ call: JudgedCall) {
        calls += 1
        usage = usage + call.usage
        saved = Self.sum(saved, call.saved)
        paidForWrites = Self.sum(paidForWrites, call.paidForWrites)
        missed = Self.sum(missed, call.missed)
        missedTokens += call.judgement.missedTokens
        verdicts[call.judgement.verdict, default: 0] += 1
    }

    /// A trial of which only sums are known: at base rates, since sums say nothing of any one prompt's length.
    mutating func take(_ summary: TrialSummary, at pricing: Pricing?) {
        calls += summary.turns
        usage = usage + summary.usage
        let money = CacheMoney(summary.usage, at: pricing?.rates)
        saved = Self.sum(saved, money.saved)
        paidForWrites = Self.sum(paidForWrites, money.paidForWrites)
    }

    /// What is unknown is left out of sums over lines, as the report says; of nothing but unknowns the sum is unknown.
    init(alias: String, source: ModelSource, sumOf lines: [CacheLine]) {
        self.init(alias: alias, source: source)
        func sum(_ part: (CacheLine) -> USD?) -> USD? {
            let known = lines.compactMap(part)
            return known.isEmpty && !lines.isEmpty ? nil : known.reduce(.zero, +)
        }
        saved = sum(\.saved)
        paidForWrites = sum(\.paidForWrites)
        missed = sum(\.missed)
        for line in lines {
            calls += line.calls
            usage = usage + line.usage
            missedTokens += line.missedTokens
            verdicts.merge(line.verdicts) { $0 + $1 }
        }
    }

    private static func sum(_ a: USD?, _ b: USD?) -> USD? {
        guard let a, let b else { return nil }
        return a + b
    }

    /// What broke beginnings, the commonest first.
    package var breaks: [(verdict: CacheVerdict, calls: Int)] {
        verdicts.filter(\.key.isBreak).sorted { ($1.value, $0.key.words) < ($0.value, $1.key.words) }
            .map { ($0.key, $0.value) }
    }
}
