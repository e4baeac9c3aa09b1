import PreflightCore

/// A page of runs on this machine: it reads the record, and changes nothing.
package final class DashboardServer: Sendable {
    let options: DashboardOptions
    let doors: DashboardDoors
    let gate: ConsoleGuard
    let shelf: RunShelf
    /// Called whenever somebody has shown the token.
    let admitted: @Sendable () -> Void

    package init(
        _ options: DashboardOptions, doors: DashboardDoors, admitted: @escaping @Sendable () -> Void = {}
    ) {
        self.admitted = admitted
        self.options = options
        self.doors = doors
        gate = ConsoleGuard(token: options.token, isLoopback: true, isPrivate: true)
        shelf = RunShelf(doors: doors, bounds: options.bounds)
    }

    private static let host = "127.0.0.1"

    /// Serves until it is cancelled.
    ///
    /// - Parameter bound: Told once, when it listens.
    /// - Throws: `PreflightError` when it cannot listen.
    package func run(bound: @escaping @Sendable (ConsoleServer.Bound) -> Void = { _ in }) async throws {
        let listener = ConsoleListener(
            host: Self.host, port: options.port, connections: options.bounds.connections, body: 1024,
            refusal: { _ in nil }, answer: { await self.answer($0) })
        do { try await listener.serve(bound) } catch {
            if Task.isCancelled { return }
            throw PreflightError(
                .failed, "the dashboard cannot listen on \(Self.host):\(options.port): \(error)",
                hint: "choose a port that no other program has with --port, or 0 for any")
        }
    }

    /// Runs a dashboard for as long as `body` takes.
    @discardableResult
    package static func withServer<Result: Sendable>(
        _ options: DashboardOptions, doors: DashboardDoors, isolation: isolated (any Actor)? = #isolation,
        _ body: (ConsoleServer.Bound) async throws -> Result
    ) async throws -> Result {
        let server = DashboardServer(options, doors: doors)
        return try await serving({ try await server.run(bound: $0) }, body)
    }
}
