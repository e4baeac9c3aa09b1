import Containers
import Harness
import OpenRouter
import PreflightCore
import Store

/// `lock.json`: what a run was made with, so that it can be understood, repeated and taken up again.
enum RunLock {
    static func make(_ plan: RunPlan, image: ImageInfo, _ wiring: Wiring) async throws -> JSON {
        let upstreams = try plan.experiment.gatewayUpstreams(wiring.settings.environment).map(\.prices)
        let usesOpenRouter = plan.experiment.usesOpenRouter
        let catalogue = usesOpenRouter ? try? await wiring.doors.anonymous.models() : nil
        let engine = try? await wiring.docker.engine()
        return .record([
            "preflight": .string(PreflightTool.version),
            "docker": engine.map { .string($0.version) },
            "image": .record([
                "name": plan.experiment.image.map(JSON.string), "id": .string(image.id),
                "digests": .strings(image.repoDigests), "architecture": .string(image.architecture),
            ]),
            "scorer": plan.scorer?.json,
            "base_url": usesOpenRouter ? .string(plan.baseURL) : nil,
            "prices_at": catalogue.map { _ in .string(wiring.world.now().iso8601) },
            "models": .array(
                Set(plan.trials.map(\.source)).sorted().map { source in
                    let model = source.upstream == nil ? catalogue?[source.model] : nil
                    let table = upstreams.first { $0.name == source.upstream }
                    return .record([
                        "id": .string(source.model), "upstream": source.upstream.map(JSON.string),
                        "canonical_slug": model?.canonicalSlug.map(JSON.string),
                        "pricing": (model?.pricing ?? table?.pricing(of: source.model))?.json,
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
        experiment.eject = experiment.eject + own.map { PolicyRule($0) }
        var plan = RunPlan(
            experiment: experiment, trials: experiment.trials(), imageID: imageID, prompt: prompt,
            baseURL: wiring.settings.baseURL, passesBaseURL: !wiring.settings.isStandardBaseURL)
        plan.pace = pace
        plan.bounds.log = experiment.limits.log
        plan.bounds.raw = min(plan.bounds.raw, experiment.limits.log)
        return plan
    }
}
