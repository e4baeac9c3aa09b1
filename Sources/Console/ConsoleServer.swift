import PreflightCore
import Synchronization

/// The control plane on a port of its own: budgets, keys, health, metrics, and a chat for the simplest clients.
///
/// What is read on this machine needs no token; what changes things, and whatever another machine asks for, does.
package final class ConsoleServer: Sendable {
    package let options: ConsoleOptions
    let doors: ConsoleDoors
    let gate: ConsoleGuard
    let ledgerWatch: LedgerWatch
    let began: ContinuousClock.Instant

    /// Where it listens.
    package struct Bound: Sendable, Equatable {
        package var host: String
        package var port: Int

        package var url: String { "http://\(host.contains(":") ? "[\(host)]" : host):\(port)" }
    }

    package init(_ options: ConsoleOptions, doors: ConsoleDoors) {
        self.options = options
        self.doors = doors
        gate = ConsoleGuard(token: options.token, isLoopback: options.isLoopback)
        ledgerWatch = LedgerWatch(doors.ledger, doors.reader, life: options.bounds.healthLife)
        began = .now
    }

    /// Serves until it is cancelled.
    ///
    /// - Parameter bound: Told once, when it listens.
    /// - Throws: `PreflightError` when it cannot listen.
    package func run(bound: @escaping @Sendable (Bound) -> Void = { _ in }) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.serve(bound) }
            group.addTask {
                // A connection that is quiet for long is taken for dead by what lies between.
                while true {
                    try await Task.sleep(for: .seconds(15))
                    self.doors.feed.send(.tick)
                }
            }
            defer {
                doors.feed.finish()
                group.cancelAll()
            }
            do { try await group.next() } catch {
                if Task.isCancelled { return }
                throw PreflightError(
                    .failed, "the console cannot listen on \(options.host):\(options.port): \(error)",
                    hint: "choose an address of this machine, and a port that no other program has, or 0 for any")
            }
        }
    }

    /// Runs a console for as long as `body` takes.
    @discardableResult
    package static func withServer<Result: Sendable>(
        _ options: ConsoleOptions, doors: ConsoleDoors, isolation: isolated (any Actor)? = #isolation,
        _ body: (Bound) async throws -> Result
    ) async throws -> Result {
        let server = ConsoleServer(options, doors: doors)
        return try await serving({ try await server.run(bound: $0) }, body)
    }
}
