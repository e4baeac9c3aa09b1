package import Containers
package import PreflightCore
package import Store

/// Runs a scorer, each time in a container of its own: without network, without keys, bounded in time and output, and
/// removed whatever comes of it.
package struct Scoring: Sendable {
    let plan: ScorerPlan
    let runID: String
    let lockPath: String
    let docker: Docker
    let journal: Journal?
    let world: World

    /// - Parameters:
    ///   - lockPath: held by the living process that scores: what a sweep goes by.
    ///   - journal: nil where the run is in none.
    package init(
        plan: ScorerPlan, runID: String, lockPath: String, docker: Docker, journal: Journal?, world: World
    ) {
        self.plan = plan
        self.runID = runID
        self.lockPath = lockPath
        self.docker = docker
        self.journal = journal
        self.world = world
    }

    /// What is scored, and what the scorer gets to know of it.
    package struct Subject: Sendable {
        package var alias: String
        package var model: String
        package var outcome: Outcome?
        package var repetition: Int?
        /// Of this machine.
        package var outputPath: String
        package var promptPath: String?

        package init(
            alias: String, model: String, outcome: Outcome?, repetition: Int? = nil, outputPath: String,
            promptPath: String? = nil
        ) {
            self.alias = alias
            self.model = model
            self.outcome = outcome
            self.repetition = repetition
            self.outputPath = outputPath
            self.promptPath = promptPath
        }
    }

    /// - Parameters:
    ///   - urgency: of `stop`, from which on the scorer is ended.
    ///   - onLeft: told of a container that could not be removed.
    /// - Returns: the score or why there is none, and how long the scorer ran.
    package func score(
        _ subject: Subject, stop: StopSignal, endingAt urgency: StopSignal.Urgency = .quick,
        onLeft: @escaping @Sendable (String) -> Void = { _ in }
    ) async -> (score: TrialScore, took: Duration?) {
        func made(_ answer: ScorerAnswer, took: Duration?) -> (TrialScore, Duration?) {
            switch answer {
            case .score(let value, let metrics):
                (TrialScore(value: value, metrics: metrics, scorer: plan.digest, at: world.now()), took)
            case .none(let why): (TrialScore(value: nil, error: why, scorer: plan.digest, at: world.now()), took)
            }
        }
        if let problem = plan.problem { return made(.none(problem), took: nil) }
        let name = Names.container(run: runID, trial: "\(subject.alias)-score", nonce: world.nonce(6))
        let until = world.now() + plan.scorer.timeout + Self.grace
        let entry: Int64?
        do {
            entry = try await journal?.intend(
                .container, name: name, run: runID, trial: nil, until: until, at: world.now())
        } catch { return made(.none("the journal takes no container: \(error)"), took: nil) }
        let specification = specification(subject, name: name, until: until)
        let began = world.uptime()
        let ear = ScorerEar()
        let ending = await listen(specification, ear, stop: stop, urgency: urgency)
        let took = world.uptime() - began
        var isOutOfMemory = false
        if case .exited(137) = ending {
            isOutOfMemory = (try? await docker.container(name).isOutOfMemory) ?? false
        }
        await shielded { await remove(name, entry, mayAppear: ending.isCut, onLeft) }
        return made(answer(ending, ear, isOutOfMemory: isOutOfMemory), took: took)
    }

    private static let grace = Duration.seconds(60)

    // MARK: The container

    func specification(_ subject: Subject, name: String, until: Timestamp) -> RunSpecification {
        var specification = RunSpecification(name: name, image: plan.imageID)
        specification.labels = [
            .init(name: Names.runLabel, value: runID), .init(name: Names.trialLabel, value: subject.alias),
            .init(name: Names.lockLabel, value: lockPath),
            .init(name: Names.untilLabel, value: String(until.secondsSince1970)),
        ]
        specification.network = "none"
        // Where the agent had it, so that paths in it mean the same.
        specification.mounts = [
            .bind(source: subject.outputPath, target: TrialRunner.outputTarget, options: ["ro"])
        ]
        var environment: [Experiment.Variable] = [
            .init(name: "PREFLIGHT_RUN_ID", value: runID), .init(name: "PREFLIGHT_ALIAS", value: subject.alias),
            .init(name: "PREFLIGHT_MODEL", value: subject.model),
            .init(name: "PREFLIGHT_OUTCOME", value: subject.outcome?.rawValue ?? ""),
            .init(name: "PREFLIGHT_OUTPUT", value: TrialRunner.outputTarget),
        ]
        if let repetition = subject.repetition {
            environment.append(.init(name: "PREFLIGHT_REPETITION", value: String(repetition)))
        }
        if let mount = plan.mount { specification.mounts.append(mount) }
        if let promptPath = subject.promptPath {
            specification.mounts.append(
                .bind(source: promptPath, target: TrialRunner.promptTarget, options: ["ro"]))
            environment.append(.init(name: "PREFLIGHT_PROMPT_FILE", value: TrialRunner.promptTarget))
        }
        specification.environment = environment
        specification.entrypoint = plan.scorer.command.first
        specification.arguments = Array(plan.scorer.command.dropFirst())
        specification.memory = plan.limits.memory
        specification.cpus = plan.limits.cpus
        specification.pids = plan.limits.pids
        specification.capabilities = plan.limits.capabilities
        specification.engineLog = 1 << 20
        return specification
    }

    private func remove(
        _ name: String, _ entry: Int64?, mayAppear: Bool, _ onLeft: @Sendable (String) -> Void
    ) async {
        do {
            var isThere = true
            if mayAppear {
                // The engine may still be making what it was asked for: the entry stays, and is looked at again later.
                do { _ = try await docker.container(name) } catch let failure as DockerFailure
                    where failure.kind == .noSuchObject
                { isThere = false }
            }
            try await docker.remove(name)
            if let entry, isThere { try await journal?.gone(entry, at: world.now()) }
        } catch { onLeft("container \(name) could not be removed (\(error)); `preflight sweep` will try again") }
    }

    // MARK: Its answer

    private enum Ending: Sendable {
        case exited(Int)
        case failed(String)
        case overdue
        case flooded
        case stopped

        /// Ended from outside.
        var isCut: Bool {
            switch self {
            case .exited: false
            case .failed, .overdue, .flooded, .stopped: true
            }
        }
    }

    private func listen(
        _ specification: RunSpecification, _ ear: ScorerEar, stop: StopSignal, urgency: StopSignal.Urgency
    ) async -> Ending {
        await withTaskGroup(of: Ending?.self) { group in
            group.addTask {
                do {
                    return .exited(try await docker.run(specification, input: []) { ear.take($0, $1) })
                } catch {
                    return Task.isCancelled ? nil : .failed("\((error as? DockerFailure)?.message ?? "\(error)")")
                }
            }
            group.addTask {
                do { try await world.clock.sleep(for: plan.scorer.timeout) } catch { return nil }
                return .overdue
            }
            group.addTask {
                await stop.wait(for: urgency)
                return Task.isCancelled ? nil : .stopped
            }
            group.addTask {
                for await _ in ear.floods { return .flooded }
                return nil
            }
            var ending: Ending?
            for await next in group where ending == nil {
                ending = next
                if next != nil { group.cancelAll() }
            }
            return ending ?? .stopped
        }
    }

    private func answer(_ ending: Ending, _ ear: ScorerEar, isOutOfMemory: Bool) -> ScorerAnswer {
        switch ending {
        case .exited where isOutOfMemory:
            .none("it ran out of memory" + (plan.limits.memory.map { " (\(Quantity.bytesText($0)))" } ?? ""))
        case .exited(let code):
            ear.answer(exitCode: code)
        case .failed(let why): .none(why)
        case .overdue: .none("it did not end within \(plan.scorer.timeout.shortText)")
        case .flooded: .none("it printed more than \(Quantity.bytesText(ScorerEar.mostOutput))")
        case .stopped: .none("it was stopped: its owner asked for the end")
        }
    }
}
