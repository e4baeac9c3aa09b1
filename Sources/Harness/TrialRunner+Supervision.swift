import Containers
import OpenRouter
import PreflightCore
import Store
import Synchronization

extension TrialRunner {
    /// Starts the container, watches it, and returns once it is dead and removed.
    func supervise(key: ProvisionedKey?, path: TrialPath) async -> End {
        if let end = control.earlyEnd {
            let end = early(end, "before its container started")
            // Before its gateway is closed: a trial that began anew would find its calls refused.
            note(end)
            return end
        }
        let entry: Int64
        // Its wall limit, as of now: what a guard and a sweep go by should this process die.
        let until = world.now() + runPlan.experiment.limits.wall
        do {
            writeBudgetFile()
            entry = try await journal.intend(
                .container, name: containerName, run: runID, trial: plan.attempt.name, until: until, at: world.now())
            MarkedStep.containerIntended.pass()
        } catch {
            return End(outcome: .harnessFailed, reason: "\(error)")
        }
        let specification = specification(path: path, until: until)
        var exit = await watch(key: key) { await self.runContainer(specification) }
        exit.entry = entry
        let end = await shielded { [exit] in await self.judgeEnd(exit) }
        await shielded { await self.removeContainer(entry: entry) }
        return end
    }

    /// How the container's foreground command ended, and whether Preflight had asked for it.
    struct Exit: Sendable {
        var result: Result<Int, any Error>
        var stop: EndRule.Stop?
        /// False when the container was to be stopped and the engine has not said that it is dead.
        var isDead = true
        /// The container had ended before anybody watched it again.
        var wasUnseen = false
        /// Of the journal: a guard that ends the container says so there.
        var entry: Int64?
    }

    enum Signal: Sendable {
        case exited(Result<Int, any Error>)
        case verdict(Verdict.Reason)
        case cancelled
        /// The container was stopped, or could not be.
        case stopped(isDead: Bool)
        /// The docker command did not do in time what it must.
        case overdue(String)
        case watcherEnded
    }

    /// Watches the container while `command`, in the foreground, hands its output over and waits for its end.
    ///
    /// - Parameter decided: a stop that was decided on before.
    func watch(
        key: ProvisionedKey?, stoppedBy decided: EndRule.Stop? = nil, _ command: @escaping @Sendable () async -> Signal
    ) async -> Exit {
        await withTaskGroup(of: Signal.self) { group in
            group.addTask { await command() }
            group.addTask {
                await self.engine.waitForStart(of: self.containerName)
                if !Task.isCancelled { self.noteStarted() }
                return .watcherEnded
            }
            group.addTask { await self.pollSpend(key: key) }
            group.addTask { await self.tick() }
            group.addTask { await self.keepBudgetFile() }
            group.addTask {
                await self.followActions()
                return .watcherEnded
            }
            group.addTask { await self.lookAtOutput() }
            for policy in self.recorder.policies.commands {
                group.addTask {
                    await self.ask(policy)
                    return .watcherEnded
                }
            }
            group.addTask {
                for await reason in self.recorder.verdicts { return .verdict(reason) }
                return .watcherEnded
            }
            group.addTask {
                await self.stop.wait(for: .graceful)
                return Task.isCancelled ? .watcherEnded : .cancelled
            }

            group.addTask { await self.waitForStartLimit() }

            var stop = decided
            var overdue: String?
            var isDead = decided == nil
            if let decided { group.addTask { await self.stopContainer(key: key, because: decided) } }
            for await signal in group {
                switch signal {
                case .exited(let result):
                    group.cancelAll()
                    let failure = overdue.map { DockerFailure(kind: .timedOut, message: $0) }
                    return Exit(result: failure.map { .failure($0) } ?? result, stop: stop, isDead: isDead)
                case .verdict(let reason):
                    guard stop == nil else { continue }
                    (stop, isDead) = (.ejected(reason), false)
                    group.addTask { await self.stopContainer(key: key, because: .ejected(reason)) }
                case .cancelled:
                    guard stop == nil else { continue }
                    (stop, isDead) = (.cancelled, false)
                    group.addTask { await self.stopContainer(key: key, because: .cancelled) }
                case .stopped(let hasDied):
                    isDead = hasDied
                    // A dead container's command ends at once; one that does not is given up on.
                    let limit: Duration = hasDied ? .seconds(30) : .zero
                    group.addTask {
                        await self.overdue(after: limit, "the docker command did not end with its container")
                    }
                case .overdue(let what):
                    overdue = what
                    group.cancelAll()
                case .watcherEnded: continue
                }
            }
            return Exit(result: .failure(CancellationError()), stop: stop, isDead: isDead)
        }
    }

    /// An engine that hangs while it starts a container must not cost the night.
    static var startLimit: Duration { .seconds(180) }

    /// Sees to it that a start is noticed, also where the engine's events are lost.
    private func waitForStartLimit() async -> Signal {
        let deadline = ContinuousClock.now + Self.startLimit
        while ContinuousClock.now < deadline {
            do { try await ContinuousClock().sleep(for: .seconds(5)) } catch { return .watcherEnded }
            if recorder.trialState.containerStarted != nil { return .watcherEnded }
            if let container = try? await docker.container(containerName), container.hasStarted {
                noteStarted()
                return .watcherEnded
            }
        }
        return .overdue("the engine did not start the container within \(Self.startLimit.shortText)")
    }

    private func overdue(after limit: Duration, _ what: String) async -> Signal {
        do { try await ContinuousClock().sleep(for: limit) } catch { return .watcherEnded }
        return .overdue(what)
    }

    private func runContainer(_ specification: RunSpecification) async -> Signal {
        let input = Array(runPlan.prompt.map(PromptLine.text)?.utf8 ?? "".utf8)
        let result: Result<Int, any Error>
        do {
            result = .success(
                try await docker.run(specification, input: input) { stream, bytes in
                    // The engine's word may come after the first output. Standard error does not count: the
                    // docker command puts its own words there.
                    if stream == .stdout { noteStarted() }
                    recorder.ingest(stream == .stdout ? .stdout : .stderr, bytes)
                })
        } catch {
            result = .failure(error)
        }
        // A command that was cut off says nothing of what the engine still does for it.
        if !Task.isCancelled { command.noteEnd() }
        return await outlive(result)
    }

    func noteStarted() {
        guard recorder.recordStart(container: containerName) else { return }
        MarkedStep.containerStarted.pass()
        report(.containerStarted(plan))
    }

    private func tick() async -> Signal {
        while !Task.isCancelled {
            recorder.tick()
            try? await world.clock.sleep(for: pace.tick)
        }
        return .watcherEnded
    }

    private func keepBudgetFile() async -> Signal {
        while true {
            do { try await world.clock.sleep(for: pace.budgetFile) } catch { return .watcherEnded }
            guard recorder.trialState.phase == .running else { continue }
            writeBudgetFile()
        }
    }

    /// Tells of what policies do short of ending the trial, and of messages for the agent.
    private func followActions() async {
        for await event in recorder.actions {
            switch event.type {
            case "steered": writeBudgetFile()
            case FiredPolicy.eventType:
                guard let action = event.fields["action"]?.string.flatMap(PolicyAction.init(rawValue:)),
                    action != .eject
                else { continue }
                let policy = event.fields["policy"]?.string ?? "?"
                report(.fired(plan, action, "\(policy): \(FiredPolicy.words(of: event))"))
            default: continue
            }
        }
    }

    func writeBudgetFile() {
        do {
            let text = recorder.budgetText(runPlan.experiment.budget.file)
            // A lost file is written again in half a minute: no need to wait for the disk.
            try Files.replace(directory.budgetPath, with: text, durably: false)
        } catch {
            recorder.record("budget_file_failed", ["error": .string("\(error)")])
        }
    }

    private func pollSpend(key: ProvisionedKey?) async -> Signal {
        guard let key else { return .watcherEnded }
        var lastError: String?
        while !Task.isCancelled {
            do { try await world.clock.sleep(for: pace.poll) } catch { break }
            do {
                let spent = try await provisioner.spend(of: key, timeout: .seconds(5))
                if spent > recorder.trialState.polledSpend || lastError != nil || !recorder.trialState.hasSpendData {
                    recorder.record("budget_poll", ["spent": .usd(spent)])
                }
                lastError = nil
            } catch {
                // Said once per cause; the key's own limit holds meanwhile.
                guard !Task.isCancelled, lastError != "\(error)" else { continue }
                lastError = "\(error)"
                recorder.record("budget_poll_failed", ["error": .string("\(error)")])
            }
        }
        return .watcherEnded
    }
}

// MARK: Stopping

extension TrialRunner {
    /// Disables the key, stops the container, and returns once the engine says that it is dead.
    private func stopContainer(key: ProvisionedKey?, because stop: EndRule.Stop) async -> Signal {
        let why: String
        switch stop {
        case .ejected(let reason):
            why = "\(reason.policy): \(reason.message)"
            recorder.record("eject_decided", ["reason": .string(why), "policy": .string(reason.policy)])
        case .cancelled:
            why = self.stop.cause ?? EndRule.byOwner
            recorder.record("stop_decided", ["reason": .string(why)])
        }
        MarkedStep.stopDecided.pass()
        report(.stopping(plan, why))
        let began = world.uptime()
        let isQuick = self.stop.urgency == .quick
        if let key {
            let disabled = await provisioner.disable(key, within: isQuick ? .milliseconds(500) : pace.disable)
            recorder.record(disabled ? "subkey_disabled" : "subkey_not_disabled", ["hash": .string(key.hash)])
            MarkedStep.subKeyDisabled.pass()
        } else if control.revoke() {
            recorder.record("key_revoked", [:])
        }
        let isDead = await shielded { await self.killContainer(gracefully: !isQuick) }
        recorder.record(
            isDead ? "container_stopped" : "container_not_stopped",
            ["reason": .string(why), "took_s": .number((world.uptime() - began).decimalSeconds(places: 3))])
        MarkedStep.containerStopped.pass()
        return .stopped(isDead: isDead)
    }

    /// Tries until the engine says that the container is not running. False when it could not be brought to say so.
    func killContainer(gracefully: Bool) async -> Bool {
        if gracefully {
            // A second request for the end cuts the grace short.
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await docker.stop(containerName, grace: pace.grace) }
                group.addTask { await stop.wait(for: .quick) }
                await group.next()
                group.cancelAll()
            }
        }
        // Of an engine that answers, and of one that is away.
        var (left, away) = (pace.kill, pace.engineReturn)
        while left > .zero, away > .zero {
            let began = ContinuousClock.now
            var isAway = false
            do {
                let container = try await docker.container(containerName)
                if container.isCreated, !command.hasEnded {
                    // About to be started: what is gone cannot be.
                    try await docker.remove(containerName)
                } else if !container.isRunning {
                    return true
                }
            } catch let failure as DockerFailure where failure.kind == .noSuchObject {
                // While the command that creates it has not come back, the container may still appear.
                if command.hasEnded { return true }
            } catch let failure as DockerFailure where failure.kind == .engineUnreachable {
                // What is gone for so long is gone, and who is in a hurry does not wait for it.
                if command.isEngineGivenUp { break }
                isAway = stop.urgency < .quick
            } catch {}
            if !isAway { try? await docker.kill(containerName) }
            try? await ContinuousClock().sleep(for: .milliseconds(isAway ? 500 : 100))
            if isAway { away -= ContinuousClock.now - began } else { left -= ContinuousClock.now - began }
        }
        if away <= .zero { command.giveUpEngine() }
        report(.warning("\(plan.alias): container \(containerName) could not be stopped; look at `docker ps`"))
        return false
    }
}

/// Whether a trial's docker command has come back: only then can no container of it appear any more.
final class CommandState: Sendable {
    private let ended = Mutex(false)
    private let lost = Mutex<DockerFailure?>(nil)
    private let givenUp = Mutex(false)

    var hasEnded: Bool { ended.withLock { $0 } }
    func noteEnd() { ended.withLock { $0 = true } }

    /// The engine went away while the container ran; what that means for a container that did not end well.
    var restart: DockerFailure? { lost.withLock { $0 } }
    func noteRestart(_ failure: DockerFailure?) { lost.withLock { $0 = failure } }

    /// It did not come back in time.
    var isEngineGivenUp: Bool { givenUp.withLock { $0 } }
    func giveUpEngine() { givenUp.withLock { $0 = true } }
}
