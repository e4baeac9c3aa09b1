import Containers
import PreflightCore
import Store

extension TrialRunner {
    /// Goes on with a trial whose harness has died, to its receipt.
    func resume(_ remains: TrialRemains) async -> TrialSummary {
        recorder.record(
            "trial_resumed",
            [
                "how": .string(remains.answer.name), "who": .string(remains.resumption.who),
                "silent_s": .number(remains.silence.decimalSeconds(places: 3)),
                "container": remains.info.map { .string($0.name) },
                "drift": remains.resumption.drift.isEmpty ? nil : .strings(remains.resumption.drift),
            ])
        if remains.noted > recorder.trialState.polledSpend {
            recorder.record("budget_poll", ["spent": .usd(remains.noted)])
        }
        report(.resumed(plan, remains.answer.name))
        control.tellEarlyRequests()
        switch remains.answer {
        case .begin:
            guard await clear(remains) else { return await takeUpLate(remains) }
            return await run()
        case .attach: return await goOn(remains, stoppedBy: nil)
        case .carryOut(let stop):
            return await wrapUp(remains) { await superviseAgain(remains, key: $0, stoppedBy: stop) }
        case .collect(let stop): return await wrapUp(remains) { _ in await collect(remains, stoppedBy: stop) }
        case .settle(let outcome, let reason):
            return await wrapUp(remains) { _ in
                if let container = remains.container { await settle(container, isThere: remains.info != nil) }
                // What was judged has its cause, or none.
                if let judged = recorder.trialState.judged {
                    return End(outcome: outcome, reason: reason, cause: judged.cause)
                }
                let cause = outcome == .cancelled ? EndRule.cause(ofCancelled: reason) : nil
                let end = End(outcome: outcome, reason: reason, cause: cause)
                note(end)
                return end
            }
        case .keep: return recorder.summary
        }
    }

    /// Removes a container that has ended, or closes the entry of one that somebody has removed.
    private func settle(_ container: Resource, isThere: Bool) async {
        await shielded {
            if isThere {
                await removeContainer(entry: container.id)
            } else if container.state != .gone {
                try? await journal.gone(container.id, at: world.now())
            }
        }
    }

    /// What a trial has that never ran is of no use: nobody knows its key's text. False where it runs by now: a docker
    /// command that outlived its harness has started it since we looked.
    private func clear(_ remains: TrialRemains) async -> Bool {
        await shielded {
            if let container = remains.container {
                var isGone: Bool? = true
                if remains.info != nil { isGone = try? await docker.removeUnstarted(container.name) }
                if isGone == false { return false }
                // What an engine that cannot be asked still has stays in the journal, for a sweep. What is gone is
                // forgotten: an entry that says so would be of a container that ran, should this process die here.
                if isGone == true { try? await journal.forget(container.id) }
            }
            if let network = remains.network { await removeNetwork(OwnNetwork(network)) }
            await deleteUnknownKeys(remains)
            for key in keys(remains) { await giveBack(key) }
            return true
        }
    }

    /// Goes on with a container that was thought to be never started.
    private func takeUpLate(_ remains: TrialRemains) async -> TrialSummary {
        guard let container = remains.container else { return await run() }
        var (runner, remains) = (self, remains)
        // A new one would have had another name.
        runner.containerName = container.name
        remains.info = (try? await docker.container(container.name)) ?? remains.info
        guard remains.info?.isRunning == false else { return await runner.goOn(remains, stoppedBy: nil) }
        return await runner.wrapUp(remains) { [runner, remains] _ in await runner.collect(remains, stoppedBy: nil) }
    }

    // MARK: Containers that live

    private func goOn(_ remains: TrialRemains, stoppedBy stop: EndRule.Stop?) async -> TrialSummary {
        guard let access = runPlan.access else {
            return await wrapUp(remains) { key in
                control.open(TrialControl.Reach(runner: self, key: key))
                return await superviseAgain(remains, key: key, stoppedBy: stop)
            }
        }
        await deleteUnknownKeys(remains)
        guard let before = ModelAccess.Before(remains.info?.environment ?? [:], told: recorder.found.calls),
            let network = remains.network
        else {
            return await wrapUp(remains) { key in
                await giveUp(remains, key: key, "its container does not say how it reached the gateway")
            }
        }
        let key: ProvisionedKey?
        do { key = try await renewKey(remains, access) } catch {
            return await wrapUp(remains) { key in
                // Who asks for the end meanwhile gets it, and so does its time.
                if self.control.earlyEnd != nil || wallLeft <= .zero {
                    return await superviseAgain(remains, key: key, stoppedBy: nil)
                }
                return await giveUp(remains, key: key, "no new sub-key: \(error)", as: .provisioningFailed)
            }
        }
        let (end, account) = await throughGateway(
            access, OwnNetwork(network, address: before.host), key: key, until: lastExpiry, before: before
        ) { path in
            guard path != nil else { return await giveUp(remains, key: key, "its gateway could not be opened again") }
            return await superviseAgain(remains, key: key, stoppedBy: stop)
        }
        await shielded { await removeNetwork(OwnNetwork(network)) }
        return await settle(key: key, end: end, account: account)
    }

    /// Ends a container that cannot be gone on with.
    private func giveUp(
        _ remains: TrialRemains, key: ProvisionedKey?, _ reason: String, as outcome: Outcome = .harnessFailed
    ) async -> End {
        _ = await superviseAgain(remains, key: key, stoppedBy: .cancelled)
        let end = End(outcome: outcome, reason: reason)
        note(end)
        return end
    }

    // MARK: The end

    /// Reads the rest of what a container has said that ended unseen, and judges it.
    private func collect(_ remains: TrialRemains, stoppedBy stop: EndRule.Stop?) async -> End {
        takeUp()
        var exit = Exit(result: .failure(CancellationError()), stop: stop, wasUnseen: true)
        exit.result = await followContainer()
        // An engine that goes away meanwhile is waited for; it has no part in how the container had ended.
        for _ in 0..<3 {
            guard case .failure = exit.result, await findContainer(whileRunning: false) != nil else { break }
            exit.result = await followContainer()
        }
        return await judgeAndRemove(exit, remains)
    }

    private func superviseAgain(
        _ remains: TrialRemains, key: ProvisionedKey?, stoppedBy stop: EndRule.Stop?
    ) async -> End {
        takeUp()
        writeBudgetFile()
        let exit = await watch(key: key, stoppedBy: stop) { await self.outlive(await self.followContainer()) }
        return await judgeAndRemove(exit, remains)
    }

    private func judgeAndRemove(_ exit: Exit, _ remains: TrialRemains) async -> End {
        var exit = exit
        exit.entry = remains.container?.id
        let end = await shielded { [exit] in await self.judgeEnd(exit) }
        if let container = remains.container { await shielded { await self.removeContainer(entry: container.id) } }
        return end
    }

    /// From here on it is as if this process had started the container.
    private func takeUp() {
        // No docker command can make it appear any more: it is there.
        command.noteEnd()
        noteStarted()
        recorder.mark("preflight resumed at \(world.now().iso8601Seconds); of standard error some may stand here twice")
    }

    /// Settles and gives back what is left once `body` has ended the container, without a way to the models.
    private func wrapUp(_ remains: TrialRemains, _ body: (ProvisionedKey?) async -> End) async -> TrialSummary {
        await deleteUnknownKeys(remains)
        let key = key(remains)
        let none = ProvisionedKey(hash: "none", key: Secret(""), name: "", entry: 0)
        let end = await body(usesOpenRouter ? key ?? none : nil)
        await control.close()
        var account: ModelAccess.Account?
        if let access = runPlan.access, !recorder.trialState.isReconciled {
            account = await shielded {
                await access.reckon(plan.attempt.name, recorder.found.calls) { take($0, $1) }
            }
            if let account { recordClosed(account) }
        }
        if let network = remains.network { await shielded { await removeNetwork(OwnNetwork(network)) } }
        return await settle(
            key: key, end: end, account: account, quietBeforeSweep: remains.quietBeforeSweep)
    }
}

// MARK: Output

extension TrialRunner {
    /// Hands over what the container has said since the log ends, and what it says; its exit code.
    func followContainer() async -> Result<Int, any Error> {
        enum Step: Sendable {
            case read
            case ended(Int)
            case late
        }
        do {
            return .success(
                try await withThrowingTaskGroup(of: Step.self) { group in
                    group.addTask { .ended(try await docker.wait(for: containerName)) }
                    group.addTask {
                        await readOutput()
                        return .read
                    }
                    defer { group.cancelAll() }
                    var code: Int?
                    var isRead = false
                    for try await step in group {
                        switch step {
                        case .read: isRead = true
                        case .late: isRead = true
                        case .ended(let exitCode):
                            code = exitCode
                            // The engine closes its log a moment later.
                            group.addTask {
                                try await ContinuousClock().sleep(for: Self.lastWords)
                                return .late
                            }
                        }
                        if isRead, let code { return code }
                    }
                    throw CancellationError()
                })
        } catch {
            return .failure(error)
        }
    }

    private static var lastWords: Duration { .seconds(20) }

    /// Until the container has ended and all is read. Where the engine breaks off, it is asked again.
    private func readOutput() async {
        while !Task.isCancelled {
            let start = await outputStart()
            recorder.restartOutput()
            try? await docker.follow(containerName, from: start) { stream, bytes in
                recorder.ingest(stream == .stdout ? .stdout : .stderr, bytes)
            }
            guard let container = try? await docker.container(containerName), container.isRunning else { return }
            try? await ContinuousClock().sleep(for: .milliseconds(250))
        }
    }

    /// Where in the engine's log it goes on: behind the lines that were taken, and by the time where the engine has
    /// dropped some, since what is left cannot be counted from the beginning.
    private func outputStart() async -> Docker.LogStart {
        guard let times = recorder.outputTimes else { return .afterLines(recorder.outputLines) }
        if !recorder.hasGap {
            // What the engine got first is the first that it drops. On a busy machine it stamps a line a little after it
            // has handed it out.
            let hasAll = try? await docker.hasOutput(containerName, until: times.first + .milliseconds(100))
            if hasAll == false { recorder.noteGap(since: times.last) }
        }
        return recorder.hasGap ? .since(times.last) : .afterLines(recorder.outputLines)
    }
}
