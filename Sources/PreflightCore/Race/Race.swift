/// A policy over a field: who is stopped because others are done, or did better.
///
/// It is judged by `RaceBook`, from facts of all trials.
package struct Race: Hashable, Sendable {
    package enum Rule: Hashable, Sendable {
        /// Once so many have completed, the others are stopped.
        case done(Int)
        /// At its checkpoint each is measured; one that so many others have beaten at theirs is stopped.
        case keep(Int, at: Checkpoint, by: RaceMeasure)
    }

    /// Where each trial is measured, once.
    package enum Checkpoint: Hashable, Sendable {
        /// Its container has run for so long.
        case running(Duration)
        /// It has spent so much of its budget, in thousandths.
        case spent(permille: Int)
    }

    /// Who runs against whom.
    package enum Field: String, Hashable, Sendable, CaseIterable {
        /// All trials of the run.
        case run
        /// Those of the same repetition.
        case repetition
    }

    package var rule: Rule
    package var field: Field

    package init(_ rule: Rule, among field: Field = .run) {
        self.rule = rule
        self.field = field
    }
}

extension Race {
    static let keys = ["done", "keep", "at", "by", "among"]

    /// Reads `{done: 3}`, or `{keep: 2, at: 20m, by: snapshots, among: repetition}`.
    package init(reader: TreeReader) throws(PreflightError) {
        let members = try reader.object(keys: Self.keys)
        field = try members["among"]?.choice(Field.self) ?? .run
        switch (members["done"], members["keep"]) {
        case (let done?, nil):
            if let other = members["at"] ?? members["by"] { throw other.fail("goes with keep, not with done") }
            rule = .done(try Self.number(done))
        case (nil, let keep?):
            guard let at = members["at"] else {
                throw reader.fail("at is missing: when each trial is measured", hint: "race: {keep: 2, at: 20m}")
            }
            let measure = try members["by"].map { (by) throws(PreflightError) in
                do throws(PreflightError) { return try RaceMeasure(parsing: try by.string()) } catch {
                    throw by.fail(error.message, hint: error.hint)
                }
            }
            rule = .keep(try Self.number(keep), at: try Self.checkpoint(at), by: measure ?? .snapshots)
        default:
            throw reader.fail("expected done or keep", hint: "race: {done: 3}, or race: {keep: 2, at: 20m}")
        }
    }

    private static func number(_ reader: TreeReader) throws(PreflightError) -> Int {
        let number = try reader.int()
        guard (1...1000).contains(number) else { throw reader.fail("expected a number of trials, 1…1000") }
        return number
    }

    private static func checkpoint(_ reader: TreeReader) throws(PreflightError) -> Checkpoint {
        let text = try reader.string()
        if text.hasSuffix("%") {
            guard let permille = Quantity.permille(text), permille > 0 else {
                throw reader.fail("expected a share of the budget, such as 50%")
            }
            return .spent(permille: permille)
        }
        guard let duration = Quantity.duration(text), duration > .zero else {
            throw reader.fail("expected a time or a share of the budget", hint: "at: 20m, or at: 50%")
        }
        // 0.5 is half of a budget to one reader, and half a second to another.
        guard text.last?.isLetter == true else {
            throw reader.fail("'\(text)' has no unit: a time, or a share of the budget", hint: "at: 20m, or at: 50%")
        }
        return .running(duration)
    }

    /// As an experiment file has it.
    package var tree: JSON {
        let among = field == .run ? nil : JSON.string(field.rawValue)
        switch rule {
        case .done(let count): return .record(["done": .int(count), "among": among])
        case .keep(let count, let at, let measure):
            let place: String =
                switch at {
                case .running(let duration): duration.secondsText
                case .spent(let permille): EjectPolicy.percent(permille)
                }
            return .record([
                "keep": .int(count), "at": .string(place), "by": .string(measure.text), "among": among,
            ])
        }
    }
}

extension Race {
    /// What is compared; nil where nothing is.
    package var measure: RaceMeasure? { if case .keep(_, _, let measure) = rule { measure } else { nil } }
}
