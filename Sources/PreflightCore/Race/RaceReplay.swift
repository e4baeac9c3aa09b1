/// What a race would have done to a field, or did, by the logs of its trials alone.
///
/// It measures anew, so a race may be tried that the run never had. A field in which a trial was stopped by another
/// policy, or would have gone on, is what its logs are: nothing after a trial's end is made up.
package enum RaceReplay {
    package struct Log: Sendable {
        package var trial: TrialPlan
        package var events: [Event]

        package init(trial: TrialPlan, events: [Event]) {
            self.trial = trial
            self.events = events
        }
    }

    package struct Verdict: Hashable, Sendable {
        package var out: RaceBook.Out
        package var at: Timestamp
        /// Since the stopped trial's beginning; before zero where it had not begun.
        package var elapsed: Duration
    }

    /// - Parameters:
    ///   - logs: in the order of the field.
    ///   - rule: where the run had this race, its place among the run's rules: what was measured then is taken, in the
    ///     order in which it was heard of, so that verdicts and their evidence are those that were given.
    package static func verdicts(of race: Race, _ logs: [Log], recordedAs rule: Int? = nil) -> [Verdict] {
        var book = RaceBook(race, trials: logs.map(\.trial))
        var states = logs.map { _ in newState(race) }
        var out: Set<String> = []
        var verdicts: [Verdict] = []
        let starts = logs.map { log in log.events.first.map { $0.timestamp + (.zero - $0.elapsed) } }

        let steps = rule == nil ? merged(logs, starts, race) : heard(logs, starts)
        for (index, event, elapsed, time) in steps {
            let trial = logs[index].trial.alias
            func take(_ news: RaceBook.News?) {
                guard let news else { return }
                // One that would have been stopped has not completed, whatever its log says of later.
                let wasStopped = rule == nil && out.contains(trial) && news == .completed
                let told: RaceBook.News = wasStopped ? .failed : news
                for one in book.take(told, of: trial) {
                    out.insert(one.trial)
                    let start = logs.firstIndex { $0.trial.alias == one.trial }.flatMap { starts[$0] }
                    verdicts.append(Verdict(out: one, at: time, elapsed: start.map { time - $0 } ?? .zero))
                }
            }
            func mark(_ mark: RaceMark?) {
                guard let mark else { return }
                states[index].raceMarks["\(mark.rule)"] = mark.text ?? ""
                take(.marked(mark.measure))
            }
            if let rule {
                take(event.flatMap { RaceBook.News($0, rule: rule, measure: race.measure) })
                continue
            }
            mark(race.mark(as: 0, states[index], at: elapsed))
            guard let event, event.type != RaceMark.eventType else { continue }
            states[index].apply(event)
            mark(race.mark(as: 0, states[index], at: event.elapsed))
            take(RaceBook.News(event, rule: 0, measure: race.measure))
            mark(race.markOfCompleted(as: 0, states[index], at: event.elapsed))
        }
        return verdicts
    }

    private static func newState(_ race: Race) -> TrialState {
        var state = TrialState()
        if race.measure?.needsHabits == true { state.habits = Habits() }
        return state
    }

    private typealias Step = (index: Int, event: Event?, elapsed: Duration, time: Timestamp)

    /// What the run's own races heard of, in that order: it is in the time stamps.
    private static func heard(_ logs: [Log], _ starts: [Timestamp?]) -> [Step] {
        var all: [Step] = []
        for (index, log) in logs.enumerated() {
            guard let start = starts[index] else { continue }
            for event in log.events where RaceBook.News.mayBe(event) {
                all.append((index, event, event.elapsed, start + event.elapsed))
            }
        }
        return all.sorted { a, b in
            let (first, second) = (a.event?.timestamp ?? a.time, b.event?.timestamp ?? b.time)
            return first != second ? first < second : a.index < b.index
        }
    }

    /// All events in the order in which they came, and between them the instants of checkpoints, which are no events. A
    /// log's own clock orders it, whatever happened to the wall clock.
    private static func merged(_ logs: [Log], _ starts: [Timestamp?], _ race: Race) -> [Step] {
        var all: [(step: Step, place: Int)] = []
        for (index, log) in logs.enumerated() {
            guard let start = starts[index] else { continue }
            for (place, event) in log.events.enumerated() {
                all.append(((index, event, event.elapsed, start + event.elapsed), place))
            }
            guard case .keep(_, .running(let bound), _) = race.rule,
                let started = log.events.first(where: { $0.source == .harness && $0.type == "container_started" })
            else { continue }
            let instant = started.elapsed + bound
            all.append(((index, nil, instant, start + instant), -1))
        }
        all.sort { a, b in
            if a.step.time != b.step.time { return a.step.time < b.step.time }
            return a.step.index != b.step.index ? a.step.index < b.step.index : a.place < b.place
        }
        return all.map(\.step)
    }
}
