package import PreflightCore

/// Arms of a field ranked by a metric, with what can be told apart and what cannot.
package struct Comparison: Sendable {
    package enum Grouping: String, Hashable, Sendable, CaseIterable { case model, run }

    package struct Settings: Hashable, Sendable {
        package var metric = CompareMetric.completed
        package var grouping = Grouping.model
        /// Above 0 and below 1.
        package var confidence = 0.95
        package var bootstrap = Bootstrap.standard

        package init() {}
    }

    package let settings: Settings
    package let runs: [String]
    package let likeness: Likeness
    /// The best first; those without an estimate last.
    package private(set) var arms: [CompareArm]
    /// Index of the arm that differences are told from.
    package private(set) var baseline = 0
    /// Of every two arms, in the order of `arms`.
    package private(set) var differences: [CompareDifference] = []
    /// How far on the metric's axis all arms were seen; nil where nothing bounds it.
    package private(set) var reach: Double?

    /// - Parameters:
    ///   - arms: at least two, in the order in which ties stand.
    ///   - baseline: an arm's name; nil for the best.
    package init(
        _ arms: [CompareArm], runs: [String], likeness: Likeness, settings: Settings, baseline: String? = nil
    ) {
        self.settings = settings
        self.runs = runs
        self.likeness = likeness
        self.arms = arms
        estimate()
        sort()
        self.baseline = baseline.flatMap { name in self.arms.firstIndex { $0.name == name } } ?? 0
        holdAgainst()
        rank()
    }

    private mutating func estimate() {
        let metric = settings.metric
        let reach = arms.map { metric.endurance(of: $0.seen).reach }.min() ?? .infinity
        if [.cost, .time, .tokens].contains(metric), reach.isFinite { self.reach = reach }
        for index in arms.indices {
            let seen = arms[index].seen
            // How often an arm completes is its own; what it takes is counted as far as all were seen.
            arms[index].values = values(of: arms[index], to: metric == .completed ? .infinity : reach)
            let values = arms[index].values.sorted { $0.key < $1.key }.map(\.value)
            arms[index].estimate =
                metric == .completed && !seen.isEmpty ? arms[index].spending.completed() : values.mean
            if arms[index].estimate != nil, [.cost, .time, .tokens].contains(metric) {
                arms[index].estimate = metric.endurance(of: seen).mean(to: reach)
            }
            arms[index].interval = interval(values)
            describeScores(&arms[index])
        }
    }

    /// What each unit contributes, counted as far as `reach`.
    private func values(of arm: CompareArm, to reach: Double) -> [CompareUnit: Double] {
        var found: [CompareUnit: Double] = [:]
        let units = Self.units(of: arm.seen, settings.grouping)
        for (unit, value) in zip(units, settings.metric.values(of: arm.seen, to: reach)) {
            if let value { found[unit] = value }
        }
        return found
    }

    private func interval(_ values: [Double]) -> Interval? {
        settings.bootstrap.interval(ofMean: values, confidence: settings.confidence)
    }

    private func describeScores(_ arm: inout CompareArm) {
        let scored = arm.scored.compactMap { trial in trial.score.map { (above: $0, below: trial.cost.dollars) } }
        arm.meanScore = scored.map(\.above).mean
        arm.scoreInterval = interval(scored.map(\.above))
        let cost = arm.scored.reduce(USD.zero) { $0 + $1.cost }
        guard cost > .zero else { return }
        let perDollar = scored.map(\.above).sum / cost.dollars
        arm.scorePerDollar = perDollar.isFinite ? perDollar : nil
        arm.scorePerDollarInterval = settings.bootstrap.interval(ofRatio: scored, confidence: settings.confidence)
    }

    /// In the order of the trials.
    private static func units(of trials: [ComparedTrial], _ grouping: Grouping) -> [CompareUnit] {
        var used: Set<CompareUnit> = []
        return trials.map { trial in
            var unit = CompareUnit(
                run: grouping == .model ? trial.run : nil, source: grouping == .run ? trial.source : nil,
                repetition: trial.repetition, copy: 0)
            while !used.insert(unit).inserted { unit.copy += 1 }
            return unit
        }
    }

    private mutating func sort() {
        let sign = settings.metric.isMoreBetter ? -1.0 : 1
        func key(_ arm: CompareArm) -> Double { arm.estimate.map { $0 * sign } ?? .infinity }
        // Of those that are even the cheaper comes first.
        func order(_ place: (offset: Int, element: CompareArm)) -> (Double, USD, Int) {
            (key(place.element), place.element.meanCost ?? .zero, place.offset)
        }
        arms = arms.enumerated().sorted { order($0) < order($1) }.map(\.element)
    }

    private mutating func holdAgainst() {
        for first in arms.indices {
            for second in arms.indices where second > first {
                let reach = min(arms[first].spending.reach, arms[second].spending.reach)
                let isBounded = settings.metric == .completed && reach.isFinite
                let (ours, theirs) =
                    isBounded
                    ? (values(of: arms[first], to: reach), values(of: arms[second], to: reach))
                    : (arms[first].values, arms[second].values)
                let common = ours.keys.filter { theirs[$0] != nil }.sorted()
                differences.append(
                    CompareDifference(
                        first: first, second: second, values: common.map { (ours[$0] ?? 0) - (theirs[$0] ?? 0) },
                        within: isBounded ? reach : nil))
            }
        }
        // What has no pairs is no comparison.
        let asked = differences.indices.filter { !differences[$0].values.isEmpty }
        let draws = SignFlip.draws(comparisons: asked.count, confidence: settings.confidence)
        let adjusted = Holm.adjusted(
            asked.map { SignFlip.p(differences[$0].values, seed: settings.bootstrap.seed, draws: draws) })
        for (index, p) in zip(asked, adjusted) { differences[index].p = p }
    }

    private mutating func rank() {
        let placed = arms.count { $0.estimate != nil }
        for index in arms.indices where arms[index].estimate != nil {
            var (above, below) = (0, 0)
            for difference in differences where difference.isToldApart(settings.confidence) {
                guard let estimate = difference.estimate, [difference.first, difference.second].contains(index) else {
                    continue
                }
                let isHigher = (estimate > 0) == (difference.first == index)
                if isHigher == settings.metric.isMoreBetter { below += 1 } else { above += 1 }
            }
            arms[index].ranks = (1 + above)...max(1 + above, placed - below)
        }
    }
}

extension Comparison {
    /// How many comparisons the p values account for.
    package var comparisons: Int { differences.count { !$0.values.isEmpty } }

    /// An arm less the baseline; nil for the baseline itself.
    package func difference(of index: Int) -> CompareDifference? {
        guard index != baseline else { return nil }
        guard var found = differences.first(where: { Set([$0.first, $0.second]) == Set([index, baseline]) }) else {
            return nil
        }
        if found.first == baseline {
            (found.first, found.second) = (index, baseline)
            found.values = found.values.map { -$0 }
        }
        return found
    }

    package func interval(of difference: CompareDifference) -> Interval? { interval(difference.values) }

    package var hasScores: Bool { arms.contains { !$0.scored.isEmpty } }
    /// The most that any trial may have cost.
    package var cap: USD { arms.flatMap(\.trials).map(\.budget).max() ?? .zero }

    /// How many pairs it takes until chance alone is unlikely enough to be ruled out; nil where no number of them does.
    package var pairsNeeded: Int? {
        let draws = SignFlip.draws(comparisons: comparisons, confidence: settings.confidence)
        let asked = Double(max(1, comparisons))
        return (1...60).first { SignFlip.least($0, draws: draws) * asked <= 1 - settings.confidence + 1e-12 }
    }
}

extension CompareUnit: Comparable {
    package static func < (a: CompareUnit, b: CompareUnit) -> Bool {
        (a.run ?? "", a.source?.description ?? "", a.repetition, a.copy)
            < (b.run ?? "", b.source?.description ?? "", b.repetition, b.copy)
    }
}
