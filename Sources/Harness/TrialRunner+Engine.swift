import Containers
import PreflightCore

/// An engine that goes away while a trial runs, and comes back.
extension TrialRunner {
    /// A docker command has ended that was to end with its container. If the container lives on, because the engine was
    /// restarted under it or somebody killed the command, it is watched again.
    func outlive(_ result: Result<Int, any Error>) async -> Signal {
        var result = result
        var isRead = false
        while !Task.isCancelled {
            // Any other word may be the command's own trouble. An agent that has not said that it was done may have been
            // asked to end, by an engine that is stopped.
            if case .success(0) = result, recorder.trialState.agentEnded { break }
            // What it said while the engine was away is read also where it has ended since.
            guard recorder.trialState.containerStarted != nil,
                let container = await findContainer(whileRunning: true),
                container.isRunning || command.restart != nil && !isRead, !Task.isCancelled
            else { break }
            isRead = true
            if container.isRunning {
                // From here on its exit code is its own again.
                command.noteRestart(nil)
                recorder.record("container_reattached", ["container": .string(containerName)])
            }
            recorder.mark("preflight watches this container again since \(world.now().iso8601Seconds)")
            result = await followContainer()
            // An engine that stumbles is not to be asked without a breath.
            if case .failure = result { try? await world.clock.sleep(for: .milliseconds(500)) }
        }
        return .exited(result)
    }

    /// The container, once the engine answers; nil where it is gone, or the engine does not come back.
    ///
    /// - Parameter whileRunning: as of `waitForEngine`.
    func findContainer(whileRunning: Bool) async -> ContainerInfo? {
        do { return try await docker.container(containerName) } catch {
            guard let failure = error as? DockerFailure, failure.kind == .engineUnreachable else { return nil }
            return await waitForEngine(failure, whileRunning: whileRunning)
        }
    }

    /// Waits for an engine that went away. Policies judge on meanwhile.
    ///
    /// - Parameter whileRunning: the container's end was not seen, so that the engine may be why it ended.
    func waitForEngine(_ failure: DockerFailure, whileRunning: Bool) async -> ContainerInfo? {
        // Once for a trial: what is gone for so long is gone.
        guard !command.isEngineGivenUp else { return nil }
        let began = world.uptime()
        recorder.record("engine_lost", ["error": .string(failure.message)])
        report(.warning("\(plan.alias): the Docker engine went away (\(failure.message)); its return is waited for"))
        if whileRunning {
            command.noteRestart(
                DockerFailure(
                    kind: .engineRestarted, message: "the Docker engine went away while the container ran, and ended it"
                ))
        }
        while !Task.isCancelled, stop.urgency < .quick, world.uptime() - began < pace.engineReturn {
            try? await world.clock.sleep(for: .milliseconds(500))
            do {
                let container = try await docker.container(containerName)
                noteReturn(since: began, container.isRunning ? "running" : "exited")
                return container
            } catch let failure as DockerFailure where failure.kind == .noSuchObject {
                noteReturn(since: began, "gone")
                return nil
            } catch {}
        }
        // Whoever waits next may have more time.
        if !Task.isCancelled { command.giveUpEngine() }
        return nil
    }

    /// The same before the trial has a container. False where the engine stays away, or the trial is to end.
    func waitForReturn(_ failure: DockerFailure) async -> Bool {
        guard !command.isEngineGivenUp else { return false }
        let began = world.uptime()
        recorder.record("engine_lost", ["error": .string(failure.message)])
        report(.warning("\(plan.alias): the Docker engine is away (\(failure.message)); its return is waited for"))
        while control.earlyEnd == nil, world.uptime() - began < pace.engineReturn {
            try? await world.clock.sleep(for: .milliseconds(500))
            guard (try? await docker.engine()) != nil else { continue }
            noteReturn(since: began, "none")
            return true
        }
        if control.earlyEnd == nil { command.giveUpEngine() }
        return false
    }

    private func noteReturn(since began: Duration, _ container: String) {
        recorder.record(
            "engine_back",
            [
                "away_s": .number((world.uptime() - began).decimalSeconds(places: 3)),
                "container": .string(container),
            ])
    }
}
