package import PreflightCore

/// The runs that are compared, put into arms.
package struct CompareField: Sendable {
    package struct Run: Sendable {
        package var conditions: RunConditions
        package var trials: [ComparedTrial]

        /// - Parameters:
        ///   - plans: of the experiment; where it cannot be read, the trials of a model count up.
        ///   - rules: its policies, the same of all trials.
        package init(
            _ conditions: RunConditions, _ summaries: [TrialSummary], plans: [TrialPlan], rules: [PolicyRule] = []
        ) {
            self.conditions = conditions
            let planned = Dictionary(plans.map { ($0.alias, $0.repetition) }, uniquingKeysWith: { first, _ in first })
            var counts: [ModelSource: Int] = [:]
            trials = summaries.map { summary in
                counts[summary.source, default: 0] += 1
                return ComparedTrial(
                    summary, run: conditions.run,
                    repetition: planned[summary.alias] ?? counts[summary.source, default: 1], rules: rules)
            }
        }
    }

    package var arms: [CompareArm]
    package var likeness: Likeness
    /// Those that a trial is compared of.
    package var runs: [String]
    package var metric: CompareMetric

    /// - Parameters:
    ///   - metric: nil for the score, or for completing where fewer than two arms have one.
    ///   - wanted: names of arms; empty for all.
    package init(
        _ runs: [Run], grouping: Comparison.Grouping, metric: CompareMetric?, wanted: [String] = []
    ) throws(PreflightError) {
        guard grouping == .model || runs.count > 1 else {
            throw PreflightError(.usage, "--by run compares runs with each other", hint: "name two or more runs")
        }
        var runs = runs
        var left: [ModelSource] = []
        if grouping == .run {
            let common = runs.map { Set($0.trials.map(\.source)) }.reduce(nil as Set<ModelSource>?) {
                $0?.intersection($1) ?? $1
            }
            guard let common, !common.isEmpty else {
                throw PreflightError(.usage, "these runs have no model in common", hint: "leave out --by run")
            }
            left = Set(runs.flatMap { $0.trials.map(\.source) }).subtracting(common).sorted()
            for index in runs.indices { runs[index].keep { common.contains($0.source) } }
        }
        func name(_ trial: ComparedTrial) -> String { grouping == .run ? trial.run : trial.source.description }
        let all = runs.flatMap { $0.trials.map(name) }.reduce(into: [String]()) {
            if !$0.contains($1) { $0.append($1) }
        }
        let names = try wanted.isEmpty ? all : Self.find(wanted, among: all)
        for index in runs.indices { runs[index].keep { names.contains(name($0)) } }
        // A run that nobody asked for need not be like the others.
        if !wanted.isEmpty { runs.removeAll(where: \.trials.isEmpty) }
        self.runs = runs.map(\.conditions.run)
        arms = names.map { arm in CompareArm(name: arm, trials: runs.flatMap(\.trials).filter { name($0) == arm }) }
        guard arms.count > 1 else {
            throw PreflightError(
                .usage, "there is nothing to compare \(arms.first?.name ?? "with") with",
                hint: "name a run with several models, or several runs with --by run")
        }
        let unscored = arms.filter(\.scored.isEmpty).map(\.name)
        let canScore = arms.count - unscored.count > 1
        self.metric = metric ?? (canScore ? .score : .completed)
        guard self.metric != .score || canScore else {
            throw PreflightError(
                .usage, "no trial of \(unscored.joined(separator: ", ")) has a score",
                hint: "`preflight score` gives scores; --metric completed needs none")
        }
        let scorers =
            self.metric == .score
            ? arms.flatMap(\.scored).map { (text: $0.scorer, place: "\($0.run)/\($0.alias)") } : []
        likeness = Likeness(runs.map(\.conditions), scorers: scorers)
        if !left.isEmpty {
            likeness.notes.append(
                "left out, since not every run has it: \(left.map(\.description).joined(separator: ", "))")
        }
    }

    /// Names as they are, or unique parts of them.
    package static func find(_ wanted: [String], among names: [String]) throws(PreflightError) -> [String] {
        var found: [String] = []
        for text in wanted {
            let matches = names.contains(text) ? [text] : names.filter { $0.contains(text) }
            guard let match = matches.first, matches.count == 1 else {
                throw PreflightError(
                    .usage, matches.isEmpty ? "there is no arm '\(text)'" : "'\(text)' names \(matches.count) arms",
                    hint: "arms are \(names.joined(separator: ", "))")
            }
            if !found.contains(match) { found.append(match) }
        }
        return found
    }
}

extension CompareField.Run {
    mutating func keep(_ isKept: (ComparedTrial) -> Bool) {
        trials.removeAll { !isKept($0) }
        let aliases = Set(trials.map(\.alias))
        conditions.trials.removeAll { !aliases.contains($0.alias) }
    }
}
