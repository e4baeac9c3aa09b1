import Dispatch
import Foundation
import PreflightCore
import Store
import Synchronization

/// Durable reserve-and-settle pairs a second, for a number of callers: `ledger FILE CALLERS SECONDS`.
enum LedgerBenchmark {
    static func run(_ arguments: [String]) async throws {
        guard arguments.count == 3, let callers = Int(arguments[1]), let seconds = Int(arguments[2]) else {
            throw PreflightError(.usage, "ledger FILE CALLERS SECONDS")
        }
        let ledger = try Ledger(path: arguments[0], now: { .system })
        let run = try await ledger.scope(named: "run", limits: BudgetLimits(total: USD(cents: 100_000_000)))
        var scopes: [ScopeID] = []
        for index in 0..<min(callers, 16) {
            let limits = BudgetLimits(total: USD(cents: 10_000_000))
            scopes.append(try await ledger.scope(named: "run/\(index)", parent: run, limits: limits))
        }
        let began = ContinuousClock.now
        let field = Field(ledger: ledger, until: began + .seconds(seconds))
        await withTaskGroup(of: Void.self) { group in
            for caller in 0..<callers {
                let scope = scopes[caller % scopes.count]
                group.addTask { await withCheckedContinuation { field.call(scope, done: $0) } }
            }
        }
        let elapsed = ContinuousClock.now - began
        await ledger.close()
        let rate = field.pairs * 1_000_000 / Int(elapsed.wholeMicroseconds)
        FileHandle.standardOutput.write(Data("\(callers) callers: \(rate) durable pairs/s\n".utf8))
    }

    /// Callers that settle each call as soon as it is granted and make the next, on one queue as on an event loop.
    private final class Field: LedgerCaller {
        private let ledger: Ledger
        private let end: ContinuousClock.Instant
        private let queue = DispatchQueue(label: "callers")
        private let count = Mutex(0)

        var pairs: Int { count.withLock { $0 } }

        init(ledger: Ledger, until end: ContinuousClock.Instant) {
            self.ledger = ledger
            self.end = end
        }

        func resume(_ work: [@Sendable () -> Void]) {
            queue.async { for item in work { item() } }
        }

        func call(_ scope: ScopeID, done: CheckedContinuation<Void, Never>) {
            guard ContinuousClock.now < end else { return done.resume() }
            let ask = BudgetAsk(
                base: USD(picodollars: 300_000_000), perOutputToken: USD(picodollars: 600_000), promptTokens: 300,
                wantedOutput: 512)
            ledger.reserve(ask, scope: scope, model: "openai/gpt-4.1-mini", patience: .seconds(5), on: self) { result in
                guard case .success(let grant) = result else { return done.resume() }
                self.ledger.resolve(grant.call, .settled(cost: USD(picodollars: 412_345_678), tokens: 400))
                self.count.withLock { $0 += 1 }
                self.call(scope, done: done)
            }
        }
    }
}
