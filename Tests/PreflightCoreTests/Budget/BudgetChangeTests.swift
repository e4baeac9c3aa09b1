import PreflightCore
import Testing

@Suite struct BudgetChangeTests {
    private func change(_ text: String) throws -> BudgetChange { try BudgetChange(json: JSON.parse(text)) }

    @Test func `limits are read exactly, and what is left out stays`() throws {
        var base = BudgetLimits(total: USD(cents: 1))
        base.tokens = 5
        let limits = try change(
            #"{"limit": "$0.1", "daily": 1e-12, "time": "2h", "hold": "adaptive", "soft_cap": 0.5, "hard_cap": 0.9}"#
        ).applied(to: base)
        #expect(limits.money.total == USD(picodollars: 100_000_000_000))
        #expect(limits.money.daily == USD(picodollars: 1))
        #expect(limits.time == .seconds(7200))
        #expect(limits.hold == .adaptive)
        #expect(limits.tokens == 5)
        #expect(limits.softCapPermille == 500 && limits.hardCapPermille == 900)
        #expect(try change("2.5").applied(to: base).money.total == USD(cents: 250))
        #expect(try change(#"{"tokens": null}"#).applied(to: base).tokens == nil)
    }

    @Test(arguments: [
        (#"{"limti": 5}"#, "limti", "did you mean 'limit'?"), (#"{"limit": -1}"#, "limit", nil),
        (#"{"limit": 1e30}"#, "limit", nil), (#"{"calls": 1.5}"#, "calls", nil),
        (#"{"hold": "loose"}"#, "hold", nil), (#"{"soft_cap": 1.1}"#, "soft_cap", nil),
        (#"{"closed": 1}"#, "closed", nil), (#"{"parent": 7}"#, "parent", nil), (#"{"time": "soon"}"#, "time", nil),
    ])
    func `what is wrong is refused by name`(text: String, place: String, hint: String?) throws {
        let error = try #require(throws: PreflightError.self) { try change(text) }
        #expect(error.code == .usage)
        #expect(error.place == place)
        if let hint { #expect(error.hint == hint) }
    }

    @Test(arguments: ["", "/a", "a/", "a//b", "a b", "a/../b", "ä", "a\n", String(repeating: "a", count: 201)])
    func `names that could not stand in a path are no scopes`(name: String) {
        #expect(throws: PreflightError.self) { try ScopeName.check(name) }
    }

    @Test func `a path names what lies above it`() throws {
        try ScopeName.check("acme/ci:nightly@2/run-1.a_b")
        #expect(ScopeName.above("a/b/c") == ["a/b", "a"])
        #expect(ScopeName.above("a").isEmpty)
    }

    @Test func `a scope is shown with exact amounts and today's windows`() throws {
        let day = Timestamp(seconds: 1_767_268_800)
        var limits = BudgetLimits(total: USD(cents: 100))
        limits.money.daily = USD(cents: 30)
        limits.time = .seconds(100)
        let scope = BudgetScope(
            name: "a", limits: limits, isClosed: false,
            spent: PerWindow(
                total: USD(picodollars: 850_000_000_001), daily: USD(cents: 20), weekly: USD(cents: 20),
                monthly: USD(cents: 20)),
            reserved: USD(cents: 1), held: .zero, tokens: 9, reservedTokens: 1, calls: 3, openCalls: 1,
            firstCallAt: day, day: 20_454)
        let json = scope.json(parent: "b", available: USD(cents: 5), at: day + .seconds(10))
        #expect(json["spent"]?.numberText == "0.850000000001")
        #expect(json["remaining"]?.numberText == "0.139999999999")
        #expect(json["softCapReached"] == true && json["hardCapReached"] == false)
        #expect(json["daily"]?["remaining"]?.numberText == "0.09")
        #expect(json["time"]?["remaining"]?.numberText == "90.000")
        let later = scope.json(parent: nil, available: nil, at: day + .seconds(86_400))
        #expect(later["daily"]?["spent"]?.numberText == "0")
        #expect(later["parent"] == .null)
        #expect(later["time"]?["remaining"]?.numberText == "0.000")
    }
}
