import OpenRouter
import PreflightCore
import Store
import Synchronization

/// Finds out what calls have cost whose answers did not say it: it asks OpenRouter by their ids until it knows.
///
/// For the first seconds the call's reservation stays open, so that others wait for what it gives back rather than
/// being refused. What cannot be found out then is held: counted as spent in full, and shown as unknown.
final class Reconciler: Sendable {
    struct Job: Sendable {
        var call: HeldCall
        var upstream: Upstream
        var key: VirtualKey
        var listener: String
        var report: GatewayEvent.Call?
        /// The reservation is still open in this process.
        var isOpen = false
        /// What is held when the cost does not become known in time; nil for the whole worst case.
        var doubt: USD?
    }

    private let jobs: AsyncStream<Job>
    private let input: AsyncStream<Job>.Continuation
    private let open = Mutex(0)
    /// Its connections bound how many are asked about in one moment; those that sleep cost nothing.
    private let session = OpenRouterClient.makeSession()
    private let clock: any Clock<Duration>

    /// OpenRouter writes most generations within seconds, broken ones later.
    private static let pauses: [Duration] =
        [0.15, 0.3, 0.6, 1, 2, 4, 8, 15, 30, 60, 60, 120, 300, 600].map { Duration.seconds($0) }
    /// After so many of them, about eight seconds, an open reservation becomes held.
    private static let pausesWhileOpen = 6

    init(clock: any Clock<Duration>) {
        self.clock = clock
        (jobs, input) = AsyncStream.makeStream(of: Job.self)
    }

    /// How many calls are still asked about.
    var openCount: Int { open.withLock { $0 } }

    func submit(_ job: Job) {
        open.withLock { $0 += 1 }
        if case .terminated = input.yield(job) { open.withLock { $0 -= 1 } }
    }

    /// Until it is cancelled.
    func run(_ ledger: Ledger, report: @escaping @Sendable (GatewayEvent) -> Void) async {
        await withDiscardingTaskGroup { group in
            for await job in jobs {
                group.addTask {
                    await self.settle(job, ledger, report)
                    self.open.withLock { $0 -= 1 }
                }
            }
        }
    }

    func finish() { input.finish() }

    private func settle(_ job: Job, _ ledger: Ledger, _ report: @Sendable (GatewayEvent) -> Void) async {
        var isOpen = job.isOpen
        guard let id = job.call.generation, let secret = job.key.upstreamKey ?? job.upstream.key else {
            if isOpen { await ledger.resolve(job.call.id, .held(job.doubt)) }
            return
        }
        let client = OpenRouterClient(
            baseURL: job.upstream.address.url, key: secret, session: session, retry: .none)
        for (index, pause) in Self.pauses.enumerated() {
            if isOpen, index == Self.pausesWhileOpen {
                await ledger.resolve(job.call.id, .held(job.doubt))
                isOpen = false
            }
            // A ledger that closes holds what is open.
            do { try await clock.sleep(for: pause) } catch { return }
            guard let found = try? await client.generation(id: id) ?? nil else { continue }
            let tokens = found.usage.promptTokens + found.usage.completionTokens
            if isOpen {
                guard await ledger.resolve(job.call.id, .settled(cost: found.cost, tokens: tokens)) != nil else {
                    return
                }
            } else {
                // A ledger that cannot be written now may be written later.
                guard let isKnown = try? await ledger.reconcile(job.call, cost: found.cost, tokens: tokens) else {
                    continue
                }
                guard isKnown else { return }
            }
            var call = job.report
            call?.cost = found.cost
            call?.basis = "generation"
            if tokens > 0 {
                // The record says nothing of what was written to a cache; the answer may have.
                var usage = found.usage
                usage.cacheWriteTokens = call?.usage?.cacheWriteTokens ?? 0
                usage.cacheWrite1hTokens = call?.usage?.cacheWrite1hTokens ?? 0
                call?.usage = usage
            }
            let standing = try? await ledger.standing(of: job.call.scope)
            call?.headroom = standing?.headroom
            call?.spent = standing?.scope.committed
            report(GatewayEvent(.callReconciled, key: job.key, listener: job.listener, call: call))
            return
        }
    }
}
