import Containers
import Harness
import OpenRouter
import PreflightCore
import Store

/// `lock.json`: what a run was made with, so that it can be understood, repeated and taken up again.
enum RunLock {
    static func make(_ plan: RunPlan, image: ImageInfo, _ wiring: Wiring) async -> JSON {
        let catalogue = try? await wiring.doors.anonymous.models()
        let engine = try? await wiring.docker.engine()
        return .record([
            "preflight": .string(PreflightTool.version),
            "docker": engine.map { .string($0.version) },
            "image": .record([
                "name": plan.experiment.image.map(JSON.string), "id": .string(image.id),
                "digests": .strings(image.repoDigests), "architecture": .string(image.architecture),
            ]),
            "base_url": .string(plan.baseURL),
            "prices_at": catalogue.map { _ in .string(wiring.world.now().iso8601) },
            "models": .array(
                Set(plan.trials.map(\.model)).sorted().map { id in
                    let model = catalogue?[id]
                    return .record([
                        "id": .string(id), "canonical_slug": model?.canonicalSlug.map(JSON.string),
                        "pricing": model?.pricing.json,
                    ])
                }),
        ])
    }

    /// With the digests of the files that say what is run.
    static func signed(_ lock: JSON, experiment: String, prompt: String?) -> JSON {
        var object = lock.object ?? JSON.Object()
        object.append("experiment_sha256", .string(Files.digest(of: Array(experiment.utf8))))
        if let prompt { object.append("prompt_sha256", .string(Files.digest(of: Array(prompt.utf8)))) }
        return .object(object)
    }
}

extension RunPlan {
    /// - Parameter prompt: as it is handed over.
    static func make(
        _ experiment: Experiment, imageID: String, prompt: String?, pace: Pace, _ wiring: Wiring
    ) -> RunPlan {
        var experiment = experiment
        let own = PreflightTool.current.policies.map(\.ejectPolicy)
        if !own.isEmpty { experiment.eject = .any([experiment.eject] + own) }
        var plan = RunPlan(
            experiment: experiment, trials: experiment.trials(), imageID: imageID, prompt: prompt,
            baseURL: wiring.settings.baseURL, passesBaseURL: !wiring.settings.isStandardBaseURL)
        plan.pace = pace
        plan.bounds.log = experiment.limits.log
        plan.bounds.raw = min(plan.bounds.raw, experiment.limits.log)
        return plan
    }
}
