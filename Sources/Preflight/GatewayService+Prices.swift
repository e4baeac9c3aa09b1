import Gateway
import Harness
import OpenRouter
import PreflightCore

extension GatewayService {
    /// Prices that were read, by the names of the upstreams.
    struct PriceLists {
        var lists: [(upstream: String, list: Catalogue)] = []

        func set(in prices: PriceBook) { for (upstream, list) in lists { prices.set(list, of: upstream) } }
    }

    /// Upstreams that list their prices themselves are asked for them.
    ///
    /// - Throws: when a list was never read: nothing could be sent there.
    func readPrices(_ configuration: GatewayConfiguration, isFirst: Bool) async throws -> PriceLists {
        var prices = PriceLists()
        for upstream in configuration.settings.upstreams {
            switch upstream.pricing {
            case .free: continue
            case .table(let table): prices.lists.append((upstream.name, table))
            case .listed:
                let client = OpenRouterClient(
                    baseURL: upstream.address.url, key: upstream.key ?? Secret(""),
                    retry: isFirst ? RetryPolicy() : .none)
                do { prices.lists.append((upstream.name, try await client.allModels())) } catch {
                    guard isFirst else {
                        announcer.say("warning: prices of \(upstream.name) stay as they were: \(error)")
                        continue
                    }
                    throw PreflightError(
                        .refused, "the prices of \(upstream.name) cannot be read: \(error)",
                        hint: "check its url, or give it a table of prices")
                }
            }
        }
        return prices
    }

    /// Those to begin with; nil where the owner asks for the end while a server is slow to name them.
    func firstPrices(unless stop: StopSignal) async throws -> PriceLists? {
        try await withThrowingTaskGroup(of: PriceLists?.self) { group in
            group.addTask { try await readPrices(configuration, isFirst: true) }
            group.addTask {
                await stop.wait(for: .graceful)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    private static let priceAge = Duration.seconds(300)

    func followPrices(_ gateway: Gateway) async {
        while !Task.isCancelled {
            do { try await wiring.world.clock.sleep(for: Self.priceAge) } catch { return }
            // What the file says now decides: a reload may have changed the upstreams.
            var current = configuration
            current.settings = gateway.settings
            (try? await readPrices(current, isFirst: false))?.set(in: gateway.prices)
        }
    }
}
