package import PreflightCore
import Synchronization

/// OpenRouter as a server on real ports: catalogue, credits, capped keys, completions with usage, models that act by
/// script, and faults on demand.
///
/// One state is served on all addresses. The account is the server's own; nothing leaves the machine.
package final class SimulatorServer: Sendable {
    package struct Address: Sendable, Hashable, CustomStringConvertible {
        package var host: String
        /// 0 lets the system choose.
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        /// A free port that only this machine reaches.
        package static let loopback = Address(host: "127.0.0.1", port: 0)

        package var description: String { "\(host):\(port)" }
        /// What OpenRouter's base URL is here.
        package var baseURL: String { rootURL + "/api/v1" }
        /// What stands before `/v1` on a server of another flavour, and before `/_simulator`.
        package var rootURL: String { "http://\(host.contains(":") ? "[\(host)]" : host):\(port)" }
    }

    package let options: SimulatorOptions
    var catalogue: ServedCatalogue { withState { $0.catalogue } }
    private let state: Mutex<SimulatorState>
    let now: @Sendable () -> Timestamp
    let clock: any Clock<Duration>
    let clients = ClientConnections()
    private let requested: [Address]
    private let bound: Binding

    /// - Parameters:
    ///   - addresses: where to listen, all at once.
    ///   - now: stamps everything and decides what is visible yet.
    ///   - clock: what delays are waited by.
    package init(
        _ options: SimulatorOptions = SimulatorOptions(), addresses: [Address] = [.loopback],
        now: @escaping @Sendable () -> Timestamp = SimulatorServer.systemTime,
        clock: any Clock<Duration> = ContinuousClock()
    ) throws(PreflightError) {
        self.options = options
        self.now = now
        self.clock = clock
        requested = addresses
        bound = Binding(expected: addresses.count)
        let initial = try SimulatorState(options: options, now: now())
        state = Mutex(initial)
    }

    /// The one way to the state: reads, decides and writes in one step.
    func withState<Result: Sendable, Failure: Error>(
        _ body: (inout SimulatorState) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try state.withLock { state throws(Failure) in try body(&state) }
    }

    /// Serves until the task is cancelled; throws when an address cannot be bound. Cancelling also ends calls that
    /// hang.
    package func run() async throws {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, address) in requested.enumerated() {
                    group.addTask {
                        try await self.serve(on: address) { self.bound.note(port: $0, index: index) }
                    }
                }
                // One that fails ends the others.
                while try await group.next() != nil {}
            }
            bound.fail(with: CancellationError())
        } catch {
            bound.fail(with: error)
            // Being cancelled is how a server ends.
            if !Task.isCancelled { throw error }
        }
    }

    /// The addresses with their real ports, in the order given, as soon as all of them listen.
    package func boundAddresses() async throws -> [Address] {
        let ports = try await bound.ports()
        return zip(requested, ports).map { Address(host: $0.host, port: $1) }
    }

    /// Runs a server for as long as `body` takes.
    @discardableResult
    package static func withServer<Result>(
        _ options: SimulatorOptions = SimulatorOptions(), addresses: [Address] = [.loopback],
        now: @escaping @Sendable () -> Timestamp = SimulatorServer.systemTime,
        clock: any Clock<Duration> = ContinuousClock(), isolation: isolated (any Actor)? = #isolation,
        _ body: (SimulatorServer, [Address]) async throws -> Result
    ) async throws -> Result {
        let server = try SimulatorServer(options, addresses: addresses, now: now, clock: clock)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            defer { group.cancelAll() }
            return try await body(server, server.boundAddresses())
        }
    }
}
