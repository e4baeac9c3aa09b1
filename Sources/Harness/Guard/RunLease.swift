import PreflightCore
package import Store
import Synchronization

/// Says again and again that this harness watches its run, and knows whether it has said so in time.
///
/// A harness may be suspended, with its machine or alone. When it goes on, its lease has lapsed: until it is renewed
/// nothing is spent, and it is renewed only where nobody else has taken the run meanwhile.
package final class RunLease: Sendable {
    private let run: String
    private let holder: String
    private let journal: Journal
    private let world: World
    /// By `World.uptime`, which goes on while the machine sleeps.
    private let end = Mutex(Duration.zero)

    package static let pause = Duration.seconds(5)

    package init(run: String, journal: Journal, world: World) {
        self.run = run
        self.journal = journal
        self.world = world
        holder = world.nonce(16)
    }

    /// Whether it holds now.
    package var isHeld: Bool { world.uptime() < end.withLock { $0 } }

    package func take() async throws {
        let began = world.uptime()
        try await journal.takeLease(run: run, holder: holder, until: world.now() + Journal.leaseLength)
        end.withLock { $0 = began + Journal.leaseLength }
    }

    package enum Renewal: Sendable, Equatable {
        case renewed
        /// It had lapsed for so long.
        case late(Duration)
        /// Somebody else has the run.
        case lost
    }

    package func renew() async throws -> Renewal {
        let began = world.uptime()
        let lapse = began - end.withLock { $0 }
        guard try await journal.renewLease(run: run, holder: holder, until: world.now() + Journal.leaseLength) else {
            end.withLock { $0 = .zero }
            return .lost
        }
        end.withLock { $0 = began + Journal.leaseLength }
        return lapse > .zero ? .late(lapse) : .renewed
    }

    /// Renews until cancelled, or until the run is somebody else's: then it is stopped.
    func keep(every pause: Duration, stop: StopSignal, report: @Sendable (FieldEvent) -> Void) async {
        var lastError: String?
        while true {
            do { try await world.clock.sleep(for: pause) } catch { return }
            do {
                switch try await renew() {
                case .renewed: break
                case .late(let lapse):
                    report(.warning("this process stood still; nobody heard of it for \(lapse.shortText) too long"))
                case .lost:
                    report(.warning("somebody else has taken this run, or swept it: it is stopped"))
                    return stop.raise(to: .quick)
                }
                lastError = nil
            } catch {
                // While it cannot be renewed it lapses, and the gateway refuses.
                if !Task.isCancelled, lastError != "\(error)" {
                    report(.warning("the run's lease cannot be renewed: \(error)"))
                }
                lastError = "\(error)"
            }
        }
    }
}
