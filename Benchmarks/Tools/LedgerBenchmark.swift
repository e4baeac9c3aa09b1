import Foundation
import NIOCore
import NIOPosix
import PreflightCore
import Store

/// Durable reserve-and-settle pairs a second, for a number of callers: `ledger FILE CALLERS SECONDS`. Prints pairs a
/// second and tenths of a microsecond of processor time a pair, callers included.
enum LedgerBenchmark {
    static func run(_ arguments: [String]) async throws {
        guard arguments.count == 3, let callers = Int(arguments[1]), let seconds = Int64(arguments[2]) else {
            throw PreflightError(.usage, "ledger FILE CALLERS SECONDS")
        }
        let ledger = try Ledger(path: arguments[0], now: { .system })
        let run = try await ledger.scope(named: "run", limits: BudgetLimits(total: USD(cents: 100_000_000)))
        var scopes: [ScopeID] = []
        for index in 0..<min(callers, 16) {
            let limits = BudgetLimits(total: USD(cents: 10_000_000))
            scopes.append(try await ledger.scope(named: "run/\(index)", parent: run, limits: limits))
        }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let began = ContinuousClock.now
        let usage = ProcessorTime.now
        let field = Field(ledger: ledger, loop: loop, callers: callers, until: .now() + .seconds(seconds))
        loop.execute { [scopes] in for caller in 0..<callers { field.call(scopes[caller % scopes.count]) } }
        let pairs = try await field.done.get()
        let elapsed = max(1, (ContinuousClock.now - began).wholeMicroseconds)
        let spent = ProcessorTime.now.microseconds - usage.microseconds
        await ledger.close()
        Tools.say("\(pairs * 1_000_000 / Int(elapsed)) \(spent * 10 / Int64(max(1, pairs)))")
    }

    /// Callers on an event loop, as the gateway's are, that settle each call as soon as it is granted and make the
    /// next. Used on that loop only.
    private final class Field: LedgerCaller, @unchecked Sendable {
        private let ledger: Ledger
        private let loop: any EventLoop
        private let end: NIODeadline
        private let promise: EventLoopPromise<Int>
        private var running: Int
        private var pairs = 0

        var done: EventLoopFuture<Int> { promise.futureResult }

        init(ledger: Ledger, loop: any EventLoop, callers: Int, until end: NIODeadline) {
            self.ledger = ledger
            self.loop = loop
            self.end = end
            running = callers
            promise = loop.makePromise()
        }

        func resume(_ answers: LedgerAnswers) { loop.execute { answers.deliver() } }

        func atEndOfTurn(_ work: @escaping @Sendable () -> Void) { loop.execute(work) }

        private func leave() {
            running -= 1
            if running == 0 { promise.succeed(pairs) }
        }

        func call(_ scope: ScopeID) {
            guard NIODeadline.now() < end else { return leave() }
            let ask = BudgetAsk(
                base: USD(picodollars: 300_000_000), perOutputToken: USD(picodollars: 600_000), promptTokens: 300,
                wantedOutput: 512)
            ledger.reserve(
                ask, scope: scope, model: "openai/gpt-4.1-mini", patience: .seconds(5),
                ticket: ledger.nextTicket(), on: self
            ) { result in
                guard case .success(let grant) = result else { return self.leave() }
                self.ledger.resolve(grant.call, .settled(cost: USD(picodollars: 412_345_678), tokens: 400))
                self.pairs += 1
                self.call(scope)
            }
        }
    }
}
