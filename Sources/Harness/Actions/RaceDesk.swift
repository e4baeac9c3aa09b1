import PreflightCore
import Synchronization

/// Runs the races of a field: told of every event by the trials' recorders, it judges there and then, and carries out in
/// a task of its own.
final class RaceDesk: Sendable {
    private struct Entry {
        var rule: Int
        var book: RaceBook
    }

    private struct Verdict: Sendable {
        var rule: Int
        var out: RaceBook.Out
    }

    private let rules: [PolicyRule]
    private let books: Mutex<[Entry]>
    private let verdicts: AsyncStream<Verdict>
    private let input: AsyncStream<Verdict>.Continuation
    private let isIdle: Bool

    init(_ rules: [PolicyRule], trials: [TrialPlan]) {
        self.rules = rules
        let races = Race.all(of: rules)
        isIdle = races.isEmpty
        books = Mutex(races.map { Entry(rule: $0.rule, book: RaceBook($0.race, trials: trials)) })
        // Each trial is stopped once by each race.
        (verdicts, input) = AsyncStream.makeStream()
    }

    func take(_ event: Event, of trial: String) {
        guard !isIdle, event.source == .harness else { return }
        judge(trial) { RaceBook.News(event, rule: $0, measure: $1) }
    }

    /// Of a trial that ended before this process: its receipt has its marks.
    func take(_ kept: TrialSummary) {
        guard !isIdle else { return }
        judge(kept.alias) { rule, measure in
            kept.raceMarks["\(rule)"].map { .marked(measure?.read($0)) }
        }
        judge(kept.alias) { _, _ in kept.outcome == .completed ? .completed : .failed }
    }

    /// Of one whose log goes on.
    func take(_ state: TrialState, of trial: String) {
        guard !isIdle else { return }
        judge(trial) { rule, measure in state.raceMarks["\(rule)"].map { .marked(measure?.read($0)) } }
    }

    private func judge(_ trial: String, _ news: (Int, RaceMeasure?) -> RaceBook.News?) {
        books.withLock { books in
            for index in books.indices {
                guard let news = news(books[index].rule, books[index].book.race.measure) else { continue }
                for out in books[index].book.take(news, of: trial) {
                    input.yield(Verdict(rule: books[index].rule, out: out))
                }
            }
        }
    }

    /// Carries verdicts out until it is cancelled.
    func attend(_ controls: [TrialControl]) async {
        for await verdict in verdicts {
            let control = controls.first { $0.plan.alias == verdict.out.trial }
            control?.fire(rules[verdict.rule], index: verdict.rule, verdict.out.reason, verdict.out.evidence)
        }
    }
}
