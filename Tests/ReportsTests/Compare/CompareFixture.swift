import PreflightCore
import Reports

/// Trials and runs as a comparison sees them, without a disk.
enum CompareFixture {
    static func summary(
        _ model: String, _ repetition: Int = 1, outcome: Outcome? = .completed, reason: String? = nil, cents: Int64 = 1,
        seconds: Int = 10, score: Double? = nil, budget: USD = USD(cents: 25), upstream: String? = nil
    ) -> TrialSummary {
        var summary = TrialSummary(
            plan: TrialPlan(
                alias: repetition == 1 ? model : "\(model)-\(repetition)", model: model, upstream: upstream,
                budget: budget))
        summary.outcome = outcome
        summary.reason = reason
        summary.cost = USD(cents: cents)
        summary.runtime = .seconds(seconds)
        summary.usage = Usage(promptTokens: 100 * Int(cents), completionTokens: 10)
        summary.score = score.map { TrialScore(value: $0, scorer: "s1", at: Timestamp(seconds: 0)) }
        return summary
    }

    static let lock = Provenance(
        lock: JSON.record([
            "preflight": "0.1.0", "docker": "20.10", "base_url": "https://openrouter.example/api/v1",
            "image": ["name": "agent:latest", "id": "sha256:abc", "architecture": "amd64"],
            "models": .array(
                ["a", "b", "c"].map {
                    ["id": .string($0), "canonical_slug": .string($0), "pricing": ["prompt": "0.000001"]]
                }),
            "experiment_sha256": "e1", "prompt_sha256": "p1",
        ]))

    static let experiment: JSON = [
        "name": "night", "models": ["a", "b"], "repeat": 3, "access": "gateway", "concurrency": 4,
        "budget": ["per_trial": "0.25", "total": 5], "limits": ["wall": "60s", "memory": 1024],
        "args": ["--max-turns", "30"], "eject": ["budget_exceeded"],
    ]

    static func conditions(
        _ summaries: [TrialSummary], run: String = "run-1", lock: Provenance = lock, experiment: JSON? = experiment
    ) -> RunConditions {
        RunConditions(
            run: run, lock: lock, experiment: experiment,
            trials: summaries.map { .init(alias: $0.alias, source: $0.source, budget: $0.budget) })
    }

    static func run(
        _ summaries: [TrialSummary], run: String = "run-1", lock: Provenance = lock, experiment: JSON? = experiment
    ) -> CompareField.Run {
        CompareField.Run(conditions(summaries, run: run, lock: lock, experiment: experiment), summaries, plans: [])
    }

    static func comparison(
        _ runs: [CompareField.Run], _ metric: CompareMetric, by grouping: Comparison.Grouping = .model,
        baseline: String? = nil, confidence: Double = 0.95
    ) throws -> Comparison {
        let field = try CompareField(runs, grouping: grouping, metric: metric)
        var settings = Comparison.Settings()
        settings.metric = metric
        settings.grouping = grouping
        settings.confidence = confidence
        settings.bootstrap.resamples = 1000
        return Comparison(
            field.arms, runs: field.runs, likeness: field.likeness, settings: settings, baseline: baseline)
    }
}
