package import Containers
import OpenRouter
package import PreflightCore
package import Store

/// Runs the checks of an experiment.
package struct CheckRun: Sendable {
    let experiment: Experiment
    let doors: HarnessDoors
    let upstreams: [UpstreamDoor]
    let journal: Journal?
    let runs: RunsDirectory
    let environment: [String: String]
    let selection: Set<String>
    let custom: [CustomCheck]
    let runner: ProcessRunner
    let stop: StopSignal

    /// - Parameters:
    ///   - journal: nil when it cannot be opened; then nothing that makes sub-keys is run.
    ///   - upstreams: those of the experiment, which are not OpenRouter.
    ///   - custom: checks written in Swift, beside the experiment's own.
    package init(
        experiment: Experiment, doors: HarnessDoors, journal: Journal?, runs: RunsDirectory,
        environment: [String: String], selection: Set<String>, upstreams: [UpstreamDoor] = [],
        custom: [CustomCheck] = [], runner: ProcessRunner = ProcessRunner(), stop: StopSignal = StopSignal()
    ) {
        self.experiment = experiment
        self.doors = doors
        self.upstreams = upstreams
        self.journal = journal
        self.runs = runs
        self.environment = environment
        self.selection = selection
        self.custom = custom
        self.runner = runner
        self.stop = stop
    }

    /// What costs nothing runs at the same time; what spends runs after, one by one, and only if nothing failed.
    ///
    /// - Parameter onResult: told of each result as it is known, in no fixed order.
    package func run(onResult: @escaping @Sendable (CheckResult) -> Void = { _ in }) async -> CheckReport {
        await cancelling(when: stop) { await runAll(onResult) }
    }

    private func runAll(_ onResult: @escaping @Sendable (CheckResult) -> Void) async -> CheckReport {
        let isOpenRouterUsed = experiment.usesOpenRouter
        async let account = isOpenRouterUsed && needs("balance", "math") ? AccountFacts.read(doors) : .noKey
        async let catalogue = needsCatalogue ? readCatalogue() : .success(Catalogue(models: []))
        async let local = runLocal(onResult)

        let trials = experiment.trials()
        let models = experiment.models.filter { $0.upstream == nil }.map(\.id).uniqued()
        let others = trials.map(\.source).filter { $0.upstream != nil }.uniqued()
        let facts = await (account: account, catalogue: catalogue)
        var results: [CheckResult] = []
        func add(_ name: String, _ result: @autoclosure () -> CheckResult) {
            guard selection.contains(name) else { return }
            let result = result()
            onResult(result)
            results.append(result)
        }
        add("balance", AccountChecks.balance(facts.account, isNeeded: isOpenRouterUsed))
        add(
            "math",
            AccountChecks.math(
                trials, total: experiment.budget.total, sharesTotal: experiment.access == .gateway,
                account: facts.account))
        let today = String(doors.world.now().iso8601.prefix(10))
        add(
            "models",
            ModelChecks.models(
                models, catalogue: facts.catalogue, others: others, upstreams: upstreams.map(\.prices), today: today))
        add(
            "tool_support",
            ModelChecks.toolSupport(
                models, required: experiment.checks.require, catalogue: facts.catalogue, others: others.count))
        results += await local
        results = ordered(results)
        results += await spend(after: results, models: models, catalogue: facts.catalogue, onResult)
        return CheckReport(
            results: ordered(results),
            forecast: forecast(trials, try? facts.catalogue.get()))
    }

    private func forecast(_ trials: [TrialPlan], _ catalogue: Catalogue?) -> Forecast {
        Forecast(trials: trials, total: experiment.budget.total) { source in
            guard let name = source.upstream else { return catalogue?[source.model]?.pricing }
            return upstreams.first { $0.prices.name == name }?.prices.pricing(of: source.model)
        }
    }

    private func needs(_ names: String...) -> Bool { names.contains(where: selection.contains) }

    private var needsCatalogue: Bool {
        experiment.usesOpenRouter
            && (needs("models", "tool_support", "key_smoke", "cache_smoke") || !experiment.models.isEmpty)
    }

    private func readCatalogue() async -> Result<Catalogue, OpenRouterError> {
        do { return .success(try await doors.anonymous.models()) } catch { return .failure(error) }
    }

    private func ordered(_ results: [CheckResult]) -> [CheckResult] {
        let names = CheckName.free + customNames + CheckName.spending
        return names.flatMap { name in results.filter { $0.name == name } }
    }

    private var customNames: [String] { experiment.checks.custom.map(\.name) + custom.map(\.name) }

    /// Checks of this machine and of the experiment's surroundings.
    private func runLocal(_ onResult: @escaping @Sendable (CheckResult) -> Void) async -> [CheckResult] {
        let wanted = localChecks().filter { selection.contains($0.name) }
        return await withTaskGroup(of: CheckResult.self) { group in
            for check in wanted { group.addTask { await check.run() } }
            var results: [CheckResult] = []
            for await result in group {
                onResult(result)
                results.append(result)
            }
            return results
        }
    }

    private struct Pending: Sendable {
        var name: String
        var run: @Sendable () async -> CheckResult
    }

    private func localChecks() -> [Pending] {
        let experiment = experiment
        let checks = experiment.checks
        let doors = doors
        let sweeper = Sweeper(
            docker: doors.docker, management: doors.management, journal: journal, runs: runs, world: doors.world)
        var pending = [
            Pending(name: "docker") { await MachineChecks.docker(doors.docker) },
            Pending(name: "docker_image") {
                await MachineChecks.image(experiment.image, build: experiment.build, docker: doors.docker)
            },
            Pending(name: "disk") { [runs] in MachineChecks.disk(runs) },
            Pending(name: "leftovers") { await MachineChecks.leftovers(sweeper) },
        ]
        if experiment.access == .gateway {
            pending.append(Pending(name: "host_services") { HostServices.check() })
        }
        if !upstreams.isEmpty {
            let sources = experiment.trials().map(\.source)
            pending.append(Pending(name: "upstreams") { [upstreams] in await UpstreamChecks.ask(upstreams, sources) })
        }
        let configured = [
            "upstreams": !upstreams.isEmpty, "http_health": !checks.httpHealth.isEmpty,
            "env_vars": !checks.envVars.isEmpty,
            "docker_health": !checks.dockerHealth.isEmpty, "git_version": checks.gitVersion != nil,
            "score": experiment.score != nil,
        ]
        // Said only where it was asked for by name: passing without a question would be a lie.
        for (name, isConfigured) in configured where !isConfigured && experiment.checks.only.contains(name) {
            pending.append(
                Pending(name: name) {
                    CheckResult(
                        name, .skip,
                        ["upstreams", "score"].contains(name)
                            ? "the experiment names none" : "the experiment asks nothing, see checks.\(name)")
                })
        }
        if !checks.httpHealth.isEmpty {
            pending.append(Pending(name: "http_health") { await InfrastructureChecks.httpHealth(checks.httpHealth) })
        }
        if !checks.envVars.isEmpty {
            pending.append(
                Pending(name: "env_vars") { [environment] in
                    InfrastructureChecks.envVars(checks.envVars, environment: environment)
                })
        }
        if !checks.dockerHealth.isEmpty {
            pending.append(
                Pending(name: "docker_health") {
                    await InfrastructureChecks.dockerHealth(checks.dockerHealth, docker: doors.docker)
                })
        }
        if let minimum = checks.gitVersion {
            pending.append(
                Pending(name: "git_version") { [runner] in
                    await InfrastructureChecks.gitVersion(minimum, runner: runner)
                })
        }
        if let scorer = experiment.score {
            let checks = ScorerChecks(
                scorer: scorer, experiment: experiment, docker: doors.docker, journal: journal, runs: runs,
                world: doors.world, stop: stop)
            pending.append(Pending(name: ScorerChecks.name) { await checks.ask() })
        }
        for check in checks.custom {
            pending.append(
                Pending(name: check.name) { [runner] in
                    await CustomChecks.run(check, experiment: experiment, runner: runner)
                })
        }
        for check in custom {
            pending.append(
                Pending(name: check.name) {
                    var result = await check.run(experiment)
                    result.name = check.name
                    return result
                })
        }
        return pending
    }
}

// MARK: What spends

extension CheckRun {
    private func spend(
        after results: [CheckResult], models: [String], catalogue: Result<Catalogue, OpenRouterError>,
        _ onResult: @Sendable (CheckResult) -> Void
    ) async -> [CheckResult] {
        var spent: [CheckResult] = []
        for name in CheckName.spending where selection.contains(name) {
            let failed = (results + spent).first { $0.status == .fail }
            let result: CheckResult
            if let failed {
                result = CheckResult(name, .skip, "nothing is spent after \(failed.name) failed")
            } else if stop.urgency > .none {
                result = CheckResult(name, .skip, "stopped")
            } else {
                result = await smoke(name, models: models, catalogue: catalogue)
            }
            onResult(result)
            spent.append(result)
        }
        return spent
    }

    private func smoke(
        _ name: String, models: [String], catalogue: Result<Catalogue, OpenRouterError>
    ) async -> CheckResult {
        guard experiment.usesOpenRouter else { return CheckResult(name, .skip, AccountChecks.notUsed) }
        guard let management = doors.management else {
            return CheckResult(
                name, .fail, "no management key: no sub-key can be made", hint: AccountChecks.managementHint)
        }
        guard let journal else {
            return CheckResult(
                name, .fail, "no journal at \(runs.path), so no sub-key is made", hint: "choose another --runs-dir")
        }
        guard case .success(let catalogue) = catalogue else {
            return CheckResult(name, .skip, "the catalogue of models is not known")
        }
        let checkID = Sweeper.checkPrefix + doors.world.nonce(10)
        let lockPath = Sweeper.lockPath(run: checkID, in: runs)
        do {
            // Tells a sweep in another terminal that this check lives.
            let lock = try HarnessLock(path: lockPath)
            defer {
                withExtendedLifetime(lock) {}
                Files.remove(lockPath)
            }
            let smoke = SmokeChecks(
                provisioner: Provisioner(management: management, journal: journal, world: doors.world),
                inference: doors.inference ?? management, catalogue: catalogue, models: models, checkID: checkID,
                world: doors.world)
            return name == "key_smoke" ? await smoke.keySmoke() : await smoke.cacheSmoke()
        } catch {
            return CheckResult(name, .fail, "\(error)")
        }
    }
}

extension Sequence where Element: Hashable {
    fileprivate func uniqued() -> [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
