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

    /// How long one command follows the engine. It ends by itself then, so that of a killed process none stays for long.
    private static let span: Duration = .seconds(60)
    /// What of the span before is asked for again: starts that fell between two commands, and clocks that differ.
    private static let overlap: Duration = .seconds(-30)

    /// Follows the engine until cancelled; begins anew where a span is over or the engine broke off.
    ///
    /// - Parameter since: when the run began, by `now`.
    func run(runID: String, since: Timestamp, world: World) async {
        var since = since
        while !Task.isCancelled {
            let began = world.uptime()
            let now = world.now()
            try? await docker.events(
                label: "\(Names.runLabel)=\(runID)", since: since, until: now + Self.span
            ) { event in
                self.take(event)
            }
            if world.uptime() - began < .seconds(1) { try? await world.clock.sleep(for: .seconds(1)) }
            since = now + Self.overlap
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
