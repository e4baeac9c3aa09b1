import PreflightCore
import Testing

@Suite struct PriceChangeTests {
    private func pricing(_ prompt: Int64, _ completion: Int64, cacheRead: Int64? = nil) -> Pricing {
        Pricing(
            rates: Pricing.Rates(
                prompt: USD(picodollars: prompt), completion: USD(picodollars: completion),
                cacheRead: cacheRead.map { USD(picodollars: $0) }))
    }

    private func catalogue(_ models: (String, Pricing)...) -> Catalogue {
        Catalogue(models: models.map { Model(id: $0.0, pricing: $0.1) })
    }

    @Test func `models at other prices are told apart from new ones and from those that stayed`() throws {
        let before = catalogue(("a", pricing(1, 2)), ("b", pricing(3, 4)), ("gone", pricing(5, 6)))
        let after = catalogue(("a", pricing(1, 2)), ("b", pricing(3, 8)), ("new", pricing(9, 9)))
        let changes = PriceChange.between(before, after)
        #expect(changes == [PriceChange(model: "b", was: pricing(3, 4), now: pricing(3, 8))])
        let change = try #require(changes.first)
        #expect(
            change.text.hasPrefix("b costs ") && change.fields["now"]?["completion_usd"]?.usd() == USD(picodollars: 8))
    }

    @Test func `calls are reserved at the dearer of both, whichever way a price went`() {
        let before = catalogue(("a", pricing(10, 20, cacheRead: 1)), ("gone", pricing(5, 6)))
        let after = catalogue(("a", pricing(5, 40)), ("new", pricing(9, 9)))
        let merged = after.orDearer(before)
        // Without a price for cached tokens they cost what others do.
        #expect(merged["a"]?.pricing == pricing(10, 40, cacheRead: 5))
        #expect(merged["new"]?.pricing == pricing(9, 9) && merged["gone"]?.pricing == pricing(5, 6))
        #expect(before.orDearer(after)["a"]?.pricing == merged["a"]?.pricing)
        var painter = pricing(1, 2)
        painter.rates.imageOutput = USD(picodollars: 9)
        painter.rates.audioOutput = USD(picodollars: 8)
        #expect(painter.orDearer(pricing(1, 2)) == painter && pricing(1, 2).orDearer(painter) == painter)
    }

    @Test(arguments: [0, 50_000, 300_000], [0, 1200])
    func `no call costs more at either list than at the dearer of both`(tokens: Int, time: Int) throws {
        let dear = Pricing(
            rates: pricing(10, 20).rates,
            overrides: [.init(minPromptTokens: 200_000, rates: pricing(20, 40).rates)])
        let cheap = Pricing(
            rates: pricing(12, 15, cacheRead: 3).rates,
            overrides: [.init(utcStart: 1100, utcEnd: 1300, rates: pricing(6, 8).rates)])
        let both = dear.orDearer(cheap)
        let usage = Usage(promptTokens: tokens, completionTokens: 700, cachedTokens: tokens / 2)
        for pricing in [dear, cheap] {
            let cost = try #require(pricing.cost(of: usage, utcTime: time))
            #expect(try #require(both.cost(of: usage, utcTime: time)) >= cost)
        }
        #expect(dear.orDearer(dear) == dear)
    }
}
