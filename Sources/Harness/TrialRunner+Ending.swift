import Containers
import OpenRouter
import PreflightCore
import Store
import Synchronization

/// How a trial's container ended, and whose doing that was.
extension TrialRunner {
    /// What the engine says of the container once its foreground command has ended.
    private enum Inspection: Sendable {
        case found(ContainerInfo)
        case gone
        case failed(DockerFailure)

        var info: ContainerInfo? { if case .found(let info) = self { info } else { nil } }
    }

    func judgeEnd(_ exit: Exit) async -> End {
        let end = await findEnd(exit)
        note(end)
        return end
    }

    /// Whoever goes on after a crash, when the container is gone, need not judge again.
    func note(_ end: End) {
        recorder.record(
            "trial_ended",
            [
                "outcome": .string(end.outcome.rawValue), "reason": .string(end.reason),
                "cause": end.cause.map(JSON.string),
            ])
        MarkedStep.trialJudged.pass()
    }

    private func sinceStart(_ time: Timestamp) -> JSON {
        .number(max(.zero, time - recorder.startedAt).decimalSeconds(places: 6))
    }

    private func findEnd(_ exit: Exit) async -> End {
        var exit = exit
        recorder.finishOutput()
        var inspection = await inspect()
        var isDead = exit.isDead
        if inspection.info?.isRunning == true {
            // The docker command went away before its container did.
            isDead = await killContainer(gracefully: false)
            inspection = await inspect()
        }
        // The engine has the last word on that, also where it did not answer when the container was to be stopped. What
        // was never started can be while its docker command has not come back.
        switch inspection {
        case .found(let info): isDead = isDead || !info.isRunning && (info.hasStarted || command.hasEnded)
        case .gone: isDead = isDead || command.hasEnded
        // What the docker command said is no word of an engine that is away.
        case .failed: break
        }
        // A container may have come and gone before the engine's event.
        if inspection.info?.hasStarted == true { noteStarted() }
        if exit.stop == nil, let reason = await overdue(exit, inspection) {
            recorder.record(
                "eject_decided",
                ["reason": .string("\(reason.policy): \(reason.message)"), "policy": .string(reason.policy)])
            exit.stop = .ejected(reason)
        }
        let isOutOfMemory = inspection.info?.isOutOfMemory ?? false
        let exitCode = inspection.info?.exitCode ?? (try? exit.result.get()) ?? -1
        recorder.record(
            "container_exited",
            [
                "exit_code": .int(exitCode), "out_of_memory": .bool(isOutOfMemory),
                "exited_s": exit.wasUnseen ? inspection.info?.finishedAt.map(sinceStart) : nil,
            ])

        guard isDead else {
            return End(
                outcome: .dockerFailed,
                reason: "its container could not be stopped; look at `docker ps`, then `preflight sweep`",
                cause: Self.notStopped)
        }
        if exit.stop == nil, let failure = await dockerFailure(exit, inspection) {
            return End(failure)
        }
        let state = recorder.trialState
        var rule = EndRule(
            stop: exit.stop, exitCode: exitCode, isOutOfMemory: isOutOfMemory, state: state,
            lastStderr: recorder.lastStderr)
        if let cause = stop.cause { rule.cancelReason = cause }
        if usesOpenRouter, exit.stop == nil, exitCode != 0, state.providerRefusal?.status == 402 {
            rule.isAccountEmpty = await provisioner.management.isExhausted(forSpending: state.remaining ?? .zero)
        }
        if case .ejected(let reason) = exit.stop {
            recorder.record("ejected", ["policy": .string(reason.policy), "reason": .string(reason.message)])
        }
        let (outcome, reason) = rule.end
        return End(outcome: outcome, reason: reason, cause: rule.cause)
    }

    /// A guard ends a container past its wall limit whose harness is dead or stands still. Who takes the run up, or goes
    /// on, may find it ended or gone before its own policy has spoken. Nil where that is not how it ended.
    private func overdue(_ exit: Exit, _ inspection: Inspection) async -> Verdict.Reason? {
        guard let id = exit.entry, let entry = try? await journal.resource(id), entry.wasOverdue,
            let endedAt = entry.endedAt
        else { return nil }
        // An agent that had said that it was done had ended by itself.
        if inspection.info?.exitCode == 0, recorder.trialState.agentEnded { return nil }
        return .overdue(after: recorder.trialState.running(at: max(.zero, endedAt - recorder.startedAt)))
    }

    /// A busy engine is asked again, and one that is away is waited for.
    private func inspect() async -> Inspection {
        var last = DockerFailure(kind: .other, message: "the engine was not asked")
        for _ in 0..<3 {
            do {
                let info = try await docker.container(containerName)
                // Not by us, who have not come to that yet.
                return info.isBeingRemoved ? .gone : .found(info)
            } catch let failure as DockerFailure where failure.kind == .noSuchObject {
                return .gone
            } catch {
                last = error as? DockerFailure ?? DockerFailure(kind: .other, message: "\(error)")
                if last.kind == .engineUnreachable, stop.urgency < .quick {
                    _ = await waitForEngine(last, whileRunning: false)
                }
            }
        }
        return .failed(last)
    }

    /// What went wrong with Docker itself; nil when the agent's program ran and ended by itself.
    private func dockerFailure(_ exit: Exit, _ inspection: Inspection) async -> DockerFailure? {
        let code: Int
        switch exit.result {
        case .failure(let failure as DockerFailure): return failure
        case .failure(let error): return DockerFailure(kind: .other, message: "\(error)")
        case .success(let exitCode): code = exitCode
        }
        switch inspection {
        case .failed(let failure): return failure
        case .gone:
            if recorder.trialState.containerStarted != nil {
                return DockerFailure(kind: .containerRemoved, message: "the container was removed by somebody else")
            }
            return wordsOfDocker
        case .found(let info):
            if !info.error.isEmpty { return DockerFailure.classify(stderr: info.error) }
            if info.isRunning {
                return DockerFailure(kind: .engineUnreachable, message: "the docker command lost its container")
            }
            // Of a container that it has lost an engine may say that it ended with 0.
            if let failure = command.restart, info.exitCode != 0 || !recorder.trialState.agentEnded { return failure }
            if code == 125, info.exitCode != 125 { return wordsOfDocker }
            if let failure = DockerFailure.ofInit(exitCode: info.exitCode, stderr: recorder.lastStderr) {
                return failure
            }
            return await foreignProgram(info)
        }
    }

    /// A program that the processor cannot run is handed to the image's shell by the engine's init, and the shell reads
    /// it as a script. Nil where that is not what happened.
    private func foreignProgram(_ info: ContainerInfo) async -> DockerFailure? {
        guard [2, 126, 127].contains(info.exitCode), recorder.outputLines == 0, !info.program.isEmpty,
            let path = recorder.lastStderr.compactMap({ $0.split(separator: ":").first.map(String.init) }).first(
                where: {
                    $0 == info.program || $0.hasSuffix("/" + info.program)
                }), let format = await docker.programFormat(path, in: containerName)
        else { return nil }
        return DockerFailure(
            kind: .imageUnusable,
            message: "exec format error: \(path) is a program for \(format.processor) that cannot run here")
    }

    /// The docker command puts its own troubles where the agent's standard error would stand.
    private var wordsOfDocker: DockerFailure {
        DockerFailure.classify(stderr: recorder.lastStderr.joined(separator: "\n"))
    }

    func removeContainer(entry: Int64) async {
        for attempt in 1...3 {
            do {
                try await docker.remove(containerName)
                MarkedStep.containerRemoved.pass()
                // While the engine may still be making it, the entry stays: a sweep looks again.
                guard command.hasEnded else { return }
                await noteGone(entry)
                recorder.record("container_removed", ["container": .string(containerName)])
                return
            } catch {
                guard attempt == 3 else {
                    if let failure = error as? DockerFailure, failure.kind == .engineUnreachable, stop.urgency < .quick
                    {
                        _ = await waitForEngine(failure, whileRunning: false)
                    }
                    continue
                }
                recorder.record(
                    "container_not_removed", ["container": .string(containerName), "error": .string("\(error)")])
                report(
                    .warning(
                        "\(plan.alias): container \(containerName) could not be removed (\(error)); "
                            + "`preflight sweep` will try again"))
            }
        }
    }
}
