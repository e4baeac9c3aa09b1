import Dispatch
import Foundation
import Harness
import PreflightCore
import Synchronization

/// Turns signals into requests for the end: one is graceful, a second is quick.
final class Signals: Sendable {
    // Dispatch sources are safe to use from any thread; the type does not say so.
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]
    private let first = Mutex<CInt?>(nil)
    /// Nil for a server, which has nothing to give back.
    private let announcer: Announcer?

    /// - Parameter isQuiet: for a server, which has nothing to give back.
    init(stop: StopSignal, isQuiet: Bool = false, terminal: Terminal = .shared) {
        announcer = isQuiet ? nil : Announcer(terminal)
        let queue = DispatchQueue(label: "preflight.signals")
        // `nohup` ignores SIGHUP for us: that is to stay so.
        var hangUp = sigaction()
        sigaction(SIGHUP, nil, &hangUp)
        let staysDetached = hangUp.__sigaction_handler.sa_handler.map { unsafeBitCast($0, to: Int.self) == 1 } ?? false
        let numbers = staysDetached ? [SIGINT, SIGTERM] : [SIGINT, SIGTERM, SIGHUP]
        sources = numbers.map { number in
            // The source sees the signal only when the process itself does not die of it.
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: queue)
        }
        let registered = DispatchGroup()
        for (source, number) in zip(sources, numbers) {
            source.setEventHandler { [weak self] in self?.receive(number, stop) }
            registered.enter()
            source.setRegistrationHandler { registered.leave() }
            source.resume()
        }
        // A signal that came between would be lost: it is ignored already, and nobody looks yet.
        registered.wait()
    }

    deinit {
        for source in sources { source.cancel() }
    }

    /// Nothing is said before it is done: a terminal may take no word for as long as it is held.
    private func receive(_ number: CInt, _ stop: StopSignal) {
        first.withLock { $0 = $0 ?? number }
        switch stop.urgency {
        case .none:
            stop.raise(to: .graceful)
            announcer?.say("stopping: what was begun is ended and given back; once more to hurry")
        case .graceful:
            stop.raise(to: .quick)
            announcer?.say("hurrying: containers are killed, late usage is not waited for")
        case .quick: break
        }
    }

    /// What a run that was stopped exits with; nil when no signal came.
    var exitStatus: ExitStatus? {
        first.withLock { number in number.map { $0 == SIGINT ? .interrupted : .terminated } }
    }
}
