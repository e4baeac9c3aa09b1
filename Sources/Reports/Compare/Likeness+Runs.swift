import PreflightCore

extension Likeness {
    /// Keys of an experiment that say whom to run and how often, or what is compared by something better.
    private static let besideTheTask: Set<String> = [
        "name", "models", "repeat", "checks", "image", "build", "prompt", "score", "concurrency",
        // Each trial's own is compared.
        "budget.per_trial",
    ]

    /// Compares what the trials of runs were run with.
    ///
    /// - Parameters:
    ///   - runs: with the trials alone that are compared.
    ///   - scorers: what scored each trial that has a score; empty where scores are not compared.
    package init(_ runs: [RunConditions], scorers: [(text: String?, place: String)] = []) {
        self.init()
        compareTrials(runs)
        compare("scorer", scorers)
        for run in runs where !run.drift.isEmpty {
            object("taken up again", "with other conditions: \(run.drift.joined(separator: "; "))", at: [run.run])
        }
        for run in runs where run.unfinished > 0 {
            object("end", "\(Figures.counted(run.unfinished, "trial")) not ended yet", at: [run.run])
        }
        guard runs.count > 1 else { return }
        compareLocks(runs)
        comparePrices(runs)
        compareExperiments(runs)
    }

    private mutating func compareTrials(_ runs: [RunConditions]) {
        let trials = runs.flatMap { run in run.trials.map { (trial: $0, place: "\(run.run)/\($0.alias)") } }
        compare("budget", trials.map { (Self.exact($0.trial.budget), $0.place) })
        compare("upstream", trials.map { ($0.trial.source.upstream ?? "openrouter", $0.place) })
        for order in ["steer", "extend", "hold", "release"] {
            let places = trials.filter { $0.trial.orders.contains(order) }.map(\.place)
            if !places.isEmpty { object("its owner's hand", order, at: places) }
        }
        func gather(_ what: String, _ word: (RunConditions.TrialConditions) -> String?) {
            for (trial, place) in trials { if let text = word(trial) { object(what, text, at: [place]) } }
        }
        gather("second chance") { trial in trial.secondChance.map { "ran again after \($0)" } }
        gather("prices") { $0.didPricesChange ? "changed while it ran" : nil }
        gather("record") { $0.damage }
    }

    /// As people write it, unless that is not all of it.
    private static func exact(_ amount: USD) -> String {
        let text = amount.description
        return Quantity.usd(text) == amount ? text : "$\(amount.decimalText)"
    }

    private mutating func compareLocks(_ runs: [RunConditions]) {
        func all(_ value: (Provenance) -> String?) -> [(text: String?, place: String)] {
            runs.map { (value($0.lock), $0.run) }
        }
        compare("image", all { $0.imageID.map { String($0.prefix(19)) } })
        compare("architecture", all(\.architecture))
        // A run that has its experiment signed and no prompt had none.
        compare(
            "prompt",
            all { lock in lock.promptDigest.map { String($0.prefix(19)) } ?? lock.experimentDigest.map { _ in "none" } }
        )
        if runs.contains(where: { $0.trials.contains { $0.source.upstream == nil } }) {
            compare(
                "OpenRouter's address",
                runs.filter { $0.trials.contains { $0.source.upstream == nil } }.map { ($0.lock.baseURL, $0.run) })
        }
        compare("preflight", all(\.preflight))
        note("docker", all(\.docker))
    }

    /// A model may have its own prices, but the same in each run.
    private mutating func comparePrices(_ runs: [RunConditions]) {
        for source in Set(runs.flatMap { $0.trials.map(\.source) }).sorted() {
            let having = runs.filter { $0.trials.contains { $0.source == source } }
            guard having.count > 1 else { continue }
            let models = having.map { run in (run.lock.models.first { $0.source == source }, run.run) }
            compare("prices of \(source)", models.map { ($0.0?.pricing?.json.text, $0.1) })
            // Other upstreams than OpenRouter have no permanent names.
            if source.upstream == nil {
                compare("\(source) served as", models.map { ($0.0?.canonicalSlug, $0.1) })
            }
        }
    }

    private mutating func compareExperiments(_ runs: [RunConditions]) {
        let unread = runs.filter { $0.experiment == nil }
        if !unread.isEmpty { object("experiment.yaml", "cannot be read", at: unread.map(\.run)) }
        let readable = runs.compactMap { run in run.experiment.map { (leaves: Self.leaves(of: $0), run: run.run) } }
        guard readable.count > 1 else { return }
        let keys = readable.flatMap { $0.leaves.map(\.key) }.reduce(into: [String]()) {
            if !$0.contains($1) { $0.append($1) }
        }
        for key in keys {
            let values = readable.map { run in
                (text: Optional(run.leaves.first { $0.key == key }?.text ?? "none"), place: run.run)
            }
            if key == "concurrency" {
                note(key, values)
            } else if !Self.besideTheTask.contains(key) {
                compare(key, values)
            }
        }
        if keys.contains("mounts") { notes.append("what lay in mounts is on no record") }
        if keys.contains("env") { notes.append("the values of env are on no record, their names are compared") }
    }

    /// Each key with its value; those of `budget` and `limits` one by one.
    private static func leaves(of experiment: JSON) -> [(key: String, text: String)] {
        (experiment.object?.members ?? []).flatMap { member -> [(key: String, text: String)] in
            guard ["budget", "limits"].contains(member.key), let inner = member.value.object else {
                return [(member.key, member.value.string ?? member.value.text)]
            }
            return inner.members.map { ("\(member.key).\($0.key)", $0.value.string ?? $0.value.text) }
        }
    }
}
