import Gateway
import OpenRouter
import PreflightCore
import Synchronization

/// Reads the list of prices again and again while a run goes on, and has calls reserved at the dearer of the run's
/// beginning and now.
struct PriceWatch: Sendable {
    let client: OpenRouterClient
    let prices: PriceBook
    let upstream: String
    let clock: any Clock<Duration>
    let tell: @Sendable (PriceChange) -> Void
    private let nudges: AsyncStream<Void>
    private let input: AsyncStream<Void>.Continuation

    static let pause = Duration.seconds(300)

    init(
        client: OpenRouterClient, prices: PriceBook, upstream: String, clock: any Clock<Duration>,
        tell: @escaping @Sendable (PriceChange) -> Void
    ) {
        self.client = client
        self.prices = prices
        self.upstream = upstream
        self.clock = clock
        self.tell = tell
        (nudges, input) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// An event of the gateway, which may mean that a price is another one now.
    func take(_ event: GatewayEvent) {
        // Of each attempt, whether it is sent again or not.
        let isRefused = event.kind == .callFailed && event.call?.status == 404
        let isOverrun = event.kind == .callSettled && (event.call?.overrun ?? .zero) > .zero
        if isRefused || isOverrun { input.yield() }
    }

    /// Until it is cancelled. A list that cannot be read leaves the prices as they are.
    func run(since beginning: Catalogue, every pause: Duration = Self.pause) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    do { try await clock.sleep(for: pause) } catch { return }
                    input.yield()
                }
            }
            var last = beginning
            for await _ in nudges {
                guard let now = try? await client.allModels() else { continue }
                let changes = PriceChange.between(last, now)
                last = now
                // Also without a change: a model may have been missing from the list before.
                prices.set(now.orDearer(beginning), of: upstream)
                for change in changes { tell(change) }
            }
            group.cancelAll()
        }
    }
}
