/// A race as it stands: a fold of what the trials of a field have shown, and a verdict for whom it stops.
///
/// It knows no clock. The same facts in the same order give the same verdicts, live and from the logs.
package struct RaceBook: Sendable {
    /// A fact of one trial.
    package enum News: Hashable, Sendable {
        /// It has come to its checkpoint; nil where it has nothing to show there.
        case marked(Int64?)
        case completed
        /// It ended in any other way.
        case failed
    }

    /// A trial that the race stops.
    package struct Out: Hashable, Sendable {
        package var trial: String
        package var reason: Verdict.Reason
        package var evidence: JSON
    }

    private enum Standing { case open, completed, failed }

    private struct Entrant {
        var trial: String
        var repetition: Int
        /// Outside nil: it has not come that far.
        var mark: Int64??
        var standing = Standing.open
        var isOut = false
    }

    package let race: Race
    private var entrants: [Entrant]

    package init(_ race: Race, trials: [TrialPlan]) {
        self.race = race
        entrants = trials.map { Entrant(trial: $0.alias, repetition: $0.repetition) }
    }

    /// Takes a fact in. Returns whom it stops, each once, in the order of the field.
    package mutating func take(_ news: News, of trial: String) -> [Out] {
        guard let index = entrants.firstIndex(where: { $0.trial == trial }) else { return [] }
        switch news {
        case .marked(let measure):
            // The first one counts.
            if entrants[index].mark == nil { entrants[index].mark = .some(measure) }
        case .completed: entrants[index].standing = .completed
        case .failed: entrants[index].standing = .failed
        }
        let field = entrants[index].repetition
        var out: [Out] = []
        for index in entrants.indices where race.field == .run || entrants[index].repetition == field {
            guard entrants[index].standing == .open, !entrants[index].isOut, let verdict = verdict(for: index) else {
                continue
            }
            entrants[index].isOut = true
            out.append(verdict)
        }
        return out
    }

    private func rivals(of index: Int) -> [Entrant] {
        entrants.indices.filter { other in
            other != index && (race.field == .run || entrants[other].repetition == entrants[index].repetition)
        }.map { entrants[$0] }
    }

    private func verdict(for index: Int) -> Out? {
        let entrant = entrants[index]
        switch race.rule {
        case .done(let count):
            let done = rivals(of: index).filter { $0.standing == .completed }
            guard done.count >= count else { return nil }
            return Out(
                trial: entrant.trial,
                reason: .init(policy: "race", message: "\(count) others are done: \(Self.names(done))"),
                evidence: ["done": .strings(done.map(\.trial))])
        case .keep(let count, _, let measure):
            guard case .some(let own) = entrant.mark else { return nil }
            // One that failed keeps no place. Equals do not beat each other.
            let better = rivals(of: index).filter { rival in
                guard rival.standing != .failed, case .some(.some(let theirs)) = rival.mark else { return false }
                return own.map { theirs > $0 } ?? true
            }
            guard better.count >= count else { return nil }
            let shown = own.map(measure.describe) ?? "nothing"
            return Out(
                trial: entrant.trial,
                reason: .init(
                    policy: "race",
                    message: "\(measure.text) is \(shown), and \(better.count) have more: \(Self.names(better))"),
                evidence: .record([
                    "measure": own.map { .number(measure.describe($0)) } ?? .null,
                    "better": .array(
                        better.map { rival in
                            [
                                "trial": .string(rival.trial),
                                "measure": rival.mark.flatMap(\.self).map { .number(measure.describe($0)) } ?? .null,
                            ]
                        }),
                ]))
        }
    }

    private static func names(_ entrants: [Entrant]) -> String {
        let names = entrants.prefix(5).map(\.trial).joined(separator: ", ")
        return entrants.count > 5 ? "\(names), …" : names
    }
}

extension RaceBook.News {
    private static let ends = ["trial_ended", "trial_finished"]

    /// Whether races hear of such events.
    package static func mayBe(_ event: Event) -> Bool {
        event.source == .harness && (event.type == RaceMark.eventType || ends.contains(event.type))
    }

    /// What an event of a trial says to the race that is a rule of this index; nil where it says nothing.
    package init?(_ event: Event, rule: Int, measure: RaceMeasure?) {
        guard event.source == .harness else { return nil }
        switch event.type {
        case RaceMark.eventType where event.fields["rule"]?.int == rule:
            self = .marked(event.fields["measure"]?.numberText.flatMap { measure?.read($0) })
        case _ where Self.ends.contains(event.type):
            self = event.fields["outcome"]?.string == Outcome.completed.rawValue ? .completed : .failed
        default: return nil
        }
    }
}
