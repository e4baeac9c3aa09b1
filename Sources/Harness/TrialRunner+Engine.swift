import Containers
import PreflightCore

/// An engine that goes away while a trial runs, and comes back.
extension TrialRunner {
    /// A docker command has ended that was to end with its container. If the container lives on, because the engine was
    /// restarted under it or somebody killed the command, it is watched again.
    func outlive(_ result: Result<Int, any Error>) async -> Signal {
        var result = result
        while !Task.isCancelled {
            // The command's word is good, but for its own troubles.
            if case .success(let code) = result, code != 125, code < 128 { break }
            guard recorder.trialState.containerStarted != nil, let container = await findContainer(),
                container.isRunning, !Task.isCancelled
            else { break }
            recorder.record("container_reattached", ["container": .string(containerName)])
            recorder.mark("preflight watches this container again since \(world.now().iso8601Seconds)")
            guard case .exited(let next) = await followContainer() else { break }
            result = next
        }
        return .exited(result)
    }

    /// The container, once the engine answers; nil where it is gone, or the engine does not come back.
    private func findContainer() async -> ContainerInfo? {
        do { return try await docker.container(containerName) } catch {
            guard let failure = error as? DockerFailure, failure.kind == .engineUnreachable else { return nil }
            return await waitForEngine(failure)
        }
    }

    /// Waits for an engine that went away. Policies judge on meanwhile.
    func waitForEngine(_ failure: DockerFailure) async -> ContainerInfo? {
        let began = world.uptime()
        recorder.record("engine_lost", ["error": .string(failure.message)])
        report(.warning("\(plan.alias): the Docker engine went away (\(failure.message)); its return is waited for"))
        command.noteRestart(
            DockerFailure(
                kind: .engineRestarted, message: "the Docker engine went away while the container ran, and ended it"))
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
        return nil
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
