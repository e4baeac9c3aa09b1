import Containers
import PreflightCore
import Synchronization

/// Tells the trials of a run when the engine has started their containers.
///
/// One `docker events` serves the whole field: it says within milliseconds what asking for every container again and
/// again would say late and at a price.
final class EngineWatch: Sendable {
    private struct State {
        var started: Set<String> = []
        var listeners: [String: AsyncStream<Void>.Continuation] = [:]
    }

    private let docker: Docker
    private let state = Mutex(State())

    init(docker: Docker) { self.docker = docker }

    /// Follows the engine until cancelled; begins anew where the engine broke off.
    func run(runID: String, since: Timestamp, clock: any Clock<Duration>) async {
        while !Task.isCancelled {
            try? await docker.events(label: "\(Names.runLabel)=\(runID)", since: since) { event in
                self.take(event)
            }
            try? await clock.sleep(for: .seconds(1))
        }
    }

    private func take(_ event: ContainerEvent) {
        let listener = state.withLock { state -> AsyncStream<Void>.Continuation? in
            switch event.action {
            case .start:
                state.started.insert(event.container)
                return state.listeners.removeValue(forKey: event.container)
            case .other: break
            }
            return nil
        }
        listener?.finish()
    }

    /// Returns once the container has started, or the task is cancelled.
    func waitForStart(of container: String) async {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        let hasStarted = state.withLock { state in
            if state.started.contains(container) { return true }
            state.listeners[container] = continuation
            return false
        }
        if hasStarted { return }
        for await _ in stream {}
    }
}
