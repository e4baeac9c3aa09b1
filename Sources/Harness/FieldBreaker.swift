import OpenRouter
import PreflightCore
import Synchronization

/// Watches what goes wrong in all trials of a field, and ends it, or the one trial that alone it happens to, where the
/// same permanent error comes again and again.
///
/// Told of every event by the trials' recorders; it only counts there, and decides in a task of its own.
final class FieldBreaker: Sendable {
    private struct Told: Sendable {
        var news: Breaker.News
        var trial: String
        /// Its calls go to OpenRouter.
        var usesOpenRouter: Bool
        /// What the trial may still spend.
        var remaining: USD
    }

    private let breaker = Mutex(Breaker())
    private let stop: StopSignal
    private let world: World
    private let news: AsyncStream<Told>
    private let input: AsyncStream<Told>.Continuation

    init(stop: StopSignal, world: World) {
        self.stop = stop
        self.world = world
        // Far more than come in the time that one look at the balance takes; what is dropped comes again.
        (news, input) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1024))
    }

    var trip: Breaker.Trip? { breaker.withLock { $0.trip } }

    func take(_ event: Event, of trial: TrialPlan, _ state: TrialState) {
        guard
            let news = Breaker.News(
                event, isMetered: state.isMetered, model: state.model, hasOwnKey: trial.upstream == nil)
        else { return }
        // Of one that is being stopped the key is taken away: what its last calls are told is no news.
        if case .fault(let fault) = news, fault.kind == .call, state.decided != nil { return }
        input.yield(
            Told(
                news: news, trial: trial.alias, usesOpenRouter: trial.upstream == nil,
                remaining: state.remaining ?? .zero))
    }

    /// Counts until it is cancelled.
    ///
    /// - Parameter controls: of all trials of the field.
    func attend(
        _ controls: [TrialControl], management: OpenRouterClient, report: @Sendable (FieldEvent) -> Void
    ) async {
        for await told in news {
            switch told.news {
            case .success(let kind): breaker.withLock { $0.succeed(kind, of: told.trial) }
            case .fault(let fault):
                if told.usesOpenRouter, fault.cause == ProviderRefusal.permanentCauses[402],
                    await management.isExhausted(forSpending: told.remaining) == false
                {
                    // Its key's own limit: that is the trial's affair.
                    continue
                }
                let isLast = !controls.contains { $0.plan.alias != told.trial && !$0.isOver }
                switch breaker.withLock({ $0.fail(fault, of: told.trial, isLast: isLast, at: world.now()) }) {
                case nil: continue
                case .field(let trip):
                    report(.warning(trip.reason))
                    stop.raise(to: .graceful, because: trip.reason)
                case .trial(let trip):
                    let words = "\(trip.times) times in a row: \(trip.message)"
                    let isOfKey = trip.cause == Verdict.keyRefused
                    report(.warning("\(trip.trial): its \(isOfKey ? "key was refused" : "model was gone") \(words)"))
                    _ = controls.first { $0.plan.alias == trip.trial }?.eject(
                        Verdict.Reason(policy: isOfKey ? Verdict.keyRefused : Verdict.modelGone, message: words))
                }
            }
        }
    }
}

extension OpenRouterClient {
    /// Whether the account has less than a trial may still spend, so that not the trial's key is what cannot pay; nil
    /// where nobody can say.
    func isExhausted(forSpending remaining: USD) async -> Bool? {
        let client = with(retry: .none)
        guard let credits = await within(.seconds(5), { try? await client.credits() }) ?? nil, !credits.isUnknown else {
            return nil
        }
        return credits.balance < max(remaining, USD(cents: 1))
    }
}
