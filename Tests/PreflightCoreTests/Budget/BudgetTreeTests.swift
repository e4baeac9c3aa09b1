import PreflightCore
import Testing

@Suite struct BudgetTreeTests {
    private let noon = Timestamp(seconds: 1_767_268_800)  // 2026-01-01, a Thursday

    private func ask(_ base: Int64, per: Int64 = 10, wanted: Int = 100, least: Int = 1) -> BudgetAsk {
        BudgetAsk(
            base: USD(picodollars: base), perOutputToken: USD(picodollars: per), promptTokens: 20,
            wantedOutput: wanted, leastOutput: least)
    }

    private func tree(_ limits: BudgetLimits...) -> (tree: BudgetTree, leaf: Int) {
        var tree = BudgetTree()
        var parent: Int?
        for (depth, limits) in limits.enumerated() {
            parent = tree.add(BudgetScope(name: "s\(depth)", limits: limits), parent: parent)
        }
        return (tree, parent ?? 0)
    }

    private func limit(_ picodollars: Int64, _ hold: BudgetLimits.Hold = .strict) -> BudgetLimits {
        BudgetLimits(total: USD(picodollars: picodollars), hold: hold)
    }

    private func limits(cents: Int64, tokens: Int, calls: Int? = nil) -> BudgetLimits {
        var limits = BudgetLimits(total: USD(cents: cents))
        limits.tokens = tokens
        limits.calls = calls
        return limits
    }

    private func granted(_ decision: BudgetDecision) throws -> BudgetGrant {
        guard case .granted(let grant) = decision else {
            Issue.record("\(decision)")
            throw BudgetShortage(scope: "", kind: .closed)
        }
        return grant
    }

    @Test func `the output is what the tightest scope of the chain buys`() throws {
        let (tree, leaf) = tree(limit(1000), limit(700), limit(5000))
        let grant = try granted(tree.decide(ask(200), scope: leaf, at: noon))
        #expect(grant.output == 50)
        #expect(grant.ceiling == 50)
        #expect(grant.amount == USD(picodollars: 700))
        #expect(grant.headroom == .zero)
        #expect(grant.tightest.map { tree.scopes[$0].limits.money.total } == USD(picodollars: 700))
        let (free, only) = self.tree(BudgetLimits())
        #expect(try granted(free.decide(ask(200), scope: only, at: noon)).tightest == nil)
    }

    @Test func `a call waits while others hold what it needs, and is refused when settled spend leaves too little`()
        throws
    {
        var (tree, leaf) = tree(limit(1200))
        let first = try granted(tree.decide(ask(200), scope: leaf, at: noon))
        let reservation = tree.reserve(first, for: ask(200), scope: leaf, at: noon)
        #expect(tree.decide(ask(200), scope: leaf, at: noon) == .wait(leaf))
        var modest = ask(200)
        modest.takesLess = true
        #expect(tree.decide(modest, scope: leaf, at: noon) == .wait(leaf))
        tree.settle(reservation, cost: USD(picodollars: 900), tokens: 90, at: noon)
        #expect(try granted(tree.decide(ask(200), scope: leaf, at: noon)).output == 10)
        #expect(
            tree.decide(ask(200, least: 11), scope: leaf, at: noon)
                == .refused(
                    BudgetShortage(
                        scope: "s0",
                        kind: .money(
                            .total, limit: USD(picodollars: 1200), spent: USD(picodollars: 900),
                            needed: USD(picodollars: 310)))))
    }

    @Test func `a call that may take less takes what is free`() throws {
        var (tree, leaf) = tree(limit(1500))
        let first = try granted(tree.decide(ask(200), scope: leaf, at: noon))
        _ = tree.reserve(first, for: ask(200), scope: leaf, at: noon)
        var modest = ask(200)
        modest.takesLess = true
        #expect(try granted(tree.decide(modest, scope: leaf, at: noon)).output == 10)
    }

    @Test func `an adaptive budget takes what is expected, and asks the provider for what it could pay`() throws {
        var (tree, leaf) = tree(limit(1000, .adaptive))
        var ask = ask(100)
        ask.expectedOutput = 20
        let grant = try granted(tree.decide(ask, scope: leaf, at: noon))
        #expect(grant.output == 20)
        #expect(grant.ceiling == 90)
        #expect(grant.amount == USD(picodollars: 300))
        var reservation = tree.reserve(grant, for: ask, scope: leaf, at: noon)
        #expect(tree.extend(&reservation, output: 50, at: noon) == 50)
        #expect(tree.extend(&reservation, output: 50, at: noon) == 20)
        #expect(tree.extend(&reservation, output: 50, at: noon) == 0)
        #expect(tree.scopes[leaf].headroom == .zero)
        tree.shrink(&reservation, to: USD(picodollars: 400), tokens: 40)
        #expect(tree.scopes[leaf].headroom == USD(picodollars: 600))
    }

    @Test func `one strict budget in a chain makes the whole chain strict`() throws {
        let (tree, leaf) = tree(limit(1000, .adaptive), limit(5000, .strict))
        var ask = ask(100)
        ask.expectedOutput = 20
        #expect(try granted(tree.decide(ask, scope: leaf, at: noon)).output == 90)
    }

    @Test func `a new day frees the daily limit, but not what is under way or unknown`() throws {
        var daily = BudgetLimits()
        daily.money.daily = USD(picodollars: 1000)
        daily.money.total = USD(picodollars: 1700)
        var (tree, leaf) = tree(daily)
        let ask = ask(100, wanted: 30)
        let spent = tree.reserve(try granted(tree.decide(ask, scope: leaf, at: noon)), for: ask, scope: leaf, at: noon)
        tree.settle(spent, cost: USD(picodollars: 400), tokens: 50, at: noon)
        let late = tree.reserve(try granted(tree.decide(ask, scope: leaf, at: noon)), for: ask, scope: leaf, at: noon)
        #expect(tree.decide(ask, scope: leaf, at: noon) == .wait(leaf))
        let tomorrow = noon + .seconds(86_400)
        let next = try granted(tree.decide(ask, scope: leaf, at: tomorrow))
        #expect(next.headroom == USD(picodollars: 200))
        _ = tree.reserve(next, for: ask, scope: leaf, at: tomorrow)
        tree.settle(late, cost: USD(picodollars: 400), tokens: 50, at: tomorrow)
        #expect(tree.scopes[leaf].spent.daily == USD(picodollars: 400))
        #expect(tree.scopes[leaf].spent.total == USD(picodollars: 800))
        // A clock that goes back does not open yesterday again.
        #expect(tree.decide(self.ask(100, wanted: 40, least: 40), scope: leaf, at: noon) == .wait(leaf))
    }

    @Test(arguments: [
        (1_767_268_800, 1_767_225_600, 1_766_966_400, 1_767_225_600),  // Thursday, 1 January 2026
        (1_772_323_199, 1_772_236_800, 1_771_804_800, 1_769_904_000),  // Saturday, 28 February 2026, last second
        (1_709_208_000, 1_709_164_800, 1_708_905_600, 1_706_745_600),  // Thursday, 29 February 2024
    ])
    func `windows begin at midnight, on Monday and on the first`(time: Int, day: Int, week: Int, month: Int) {
        let now = Timestamp(seconds: Int64(time))
        #expect(BudgetWindow.daily.start(of: now) == Timestamp(seconds: Int64(day)))
        #expect(BudgetWindow.weekly.start(of: now) == Timestamp(seconds: Int64(week)))
        #expect(BudgetWindow.monthly.start(of: now) == Timestamp(seconds: Int64(month)))
        #expect(BudgetWindow.total.start(of: now) == nil)
        for window in [BudgetWindow.daily, .weekly, .monthly] {
            let end = window.end(of: now)
            #expect(end.flatMap(window.start(of:)) == end)
            #expect(end.map { $0 > now } == true)
        }
    }

    @Test func `calls, tokens and time are limits like money`() throws {
        var limits = BudgetLimits()
        limits.calls = 2
        limits.tokens = 300
        limits.time = .seconds(60)
        var (tree, leaf) = tree(limits)
        let ask = ask(0, wanted: 500)
        let first = try granted(tree.decide(ask, scope: leaf, at: noon))
        #expect(first.output == 280)
        let reservation = tree.reserve(first, for: ask, scope: leaf, at: noon)
        #expect(tree.decide(ask, scope: leaf, at: noon) == .wait(leaf))
        tree.settle(reservation, cost: .zero, tokens: 100, at: noon)
        let second = tree.reserve(
            try granted(tree.decide(ask, scope: leaf, at: noon)), for: ask, scope: leaf, at: noon)
        #expect(second.tokens == 200)
        #expect(tree.decide(ask, scope: leaf, at: noon) == .wait(leaf))
        tree.release(second)
        #expect(
            tree.decide(ask, scope: leaf, at: noon + .seconds(60))
                == .refused(BudgetShortage(scope: "s0", kind: .time(limit: .seconds(60)))))
        let third = tree.reserve(
            try granted(tree.decide(ask, scope: leaf, at: noon)), for: ask, scope: leaf, at: noon)
        tree.settle(third, cost: .zero, tokens: 150, at: noon)
        #expect(
            tree.decide(ask, scope: leaf, at: noon) == .refused(BudgetShortage(scope: "s0", kind: .calls(limit: 2))))
    }

    @Test func `a caller's own limit narrows, and never widens`() throws {
        let (tree, leaf) = tree(limit(1000))
        var ask = ask(100)
        ask.limit = USD(picodollars: 300)
        #expect(try granted(tree.decide(ask, scope: leaf, at: noon)).output == 20)
        ask.limit = USD(picodollars: 1_000_000)
        #expect(try granted(tree.decide(ask, scope: leaf, at: noon)).output == 90)
        ask.limit = USD(picodollars: 50)
        #expect(
            tree.decide(ask, scope: leaf, at: noon)
                == .refused(
                    BudgetShortage(
                        scope: "s0",
                        kind: .call(limit: USD(picodollars: 50), needed: USD(picodollars: 110)))))
    }

    @Test func `an overrun is charged in full and blocks what follows`() throws {
        var (tree, leaf) = tree(limit(2000), limit(1000))
        let ask = ask(100, wanted: 10)
        let reservation = tree.reserve(
            try granted(tree.decide(ask, scope: leaf, at: noon)), for: ask, scope: leaf, at: noon)
        tree.settle(reservation, cost: USD(picodollars: 1500), tokens: 1, at: noon)
        #expect(tree.scopes[leaf].headroom == USD(picodollars: -500))
        guard
            case .refused = tree.decide(
                BudgetAsk(base: .zero, perOutputToken: .zero, wantedOutput: 1), scope: leaf, at: noon)
        else {
            Issue.record("accepted after an overrun")
            return
        }
    }

    @Test func `amounts at the end of the range saturate instead of trapping`() throws {
        let (tree, leaf) = tree(BudgetLimits(total: .max))
        let ask = BudgetAsk(base: .max, perOutputToken: .max, promptTokens: .max, wantedOutput: .max)
        guard case .refused = tree.decide(ask, scope: leaf, at: noon) else {
            Issue.record("granted more than there is")
            return
        }
        let (free, root) = self.tree(BudgetLimits())
        #expect(try granted(free.decide(ask, scope: root, at: noon)).amount == .max)
    }

    @Test func `sums at the end of the range give back no room while a call is under way, and none after it`() throws {
        var (tree, leaf) = tree(BudgetLimits())
        let ask = BudgetAsk(base: .max, perOutputToken: .max, promptTokens: .max, wantedOutput: .max)
        let calls = try (0..<3).map { _ in
            tree.reserve(try granted(tree.decide(ask, scope: leaf, at: noon)), for: ask, scope: leaf, at: noon)
        }
        tree.release(calls[0])
        tree.update(leaf) { $0.limits = limits(cents: 100, tokens: 1_000) }
        // Two are under way still, and each has taken more than the limit.
        #expect(tree.decide(self.ask(0), scope: leaf, at: noon) == .wait(leaf))
        tree.settle(calls[1], cost: .zero, tokens: 0, at: noon)
        #expect(tree.decide(self.ask(0), scope: leaf, at: noon) == .wait(leaf))
        tree.release(calls[2])
        #expect(tree.scopes[leaf].reserved == .zero && tree.scopes[leaf].reservedTokens == 0)
        let grant = try granted(tree.decide(self.ask(0), scope: leaf, at: noon))
        #expect(grant.headroom.map { $0 < USD(cents: 100) } == true)

        // What is unknown and beyond the range stays in the way.
        for _ in 0..<2 { tree.holdUnknown(.max, scope: leaf, at: noon) }
        tree.reconcile(scope: leaf, held: .max, heldTokens: .max, cost: .zero, tokens: 0, at: noon)
        guard case .refused = tree.decide(self.ask(0), scope: leaf, at: noon) else {
            Issue.record("granted from what is not known")
            return
        }
    }

    @Test func `a scope that is read back with damaged sums has no more room for them`() throws {
        var (tree, leaf) = tree(BudgetLimits())
        tree.update(leaf) { scope in
            scope = BudgetScope(
                name: "s", limits: limits(cents: 1, tokens: 500, calls: 1_000), isClosed: false,
                spent: PerWindow(all: .zero), reserved: USD(picodollars: .min), held: USD(picodollars: -1),
                tokens: .min, reservedTokens: .min, calls: .min, openCalls: .min, firstCallAt: nil, day: .min)
        }
        let grant = try granted(tree.decide(ask(0, wanted: 5_000), scope: leaf, at: noon))
        #expect(grant.output == 480)
        #expect(grant.headroom == USD(cents: 1) - USD(picodollars: 4_800))
        let reservation = tree.reserve(grant, for: ask(0, wanted: 5_000), scope: leaf, at: noon)
        #expect(tree.scopes[leaf].json(parent: nil, available: nil, at: noon)["tokens"]?["remaining"]?.int == 0)
        tree.settle(reservation, cost: .zero, tokens: 480, at: noon)
        #expect(tree.scopes[leaf].calls == 1 && tree.scopes[leaf].openCalls == 0)
        tree.update(leaf) { scope in
            scope = BudgetScope(
                name: "s", limits: BudgetLimits(), isClosed: false, spent: PerWindow(all: .max), reserved: .max,
                held: .max, tokens: .max, reservedTokens: .max, calls: .max, openCalls: .max, firstCallAt: nil,
                day: .min)
        }
        let more = tree.reserve(
            try granted(tree.decide(ask(0), scope: leaf, at: noon)), for: ask(0), scope: leaf, at: noon)
        tree.settle(more, cost: .zero, tokens: 1, at: noon)
        tree.update(leaf) { $0.limits = limits(cents: 1, tokens: 500, calls: 5) }
        guard case .refused = tree.decide(ask(0), scope: leaf, at: noon) else {
            Issue.record("granted from a sum that is full")
            return
        }
    }

    @Test func `tokens are counted for each of the answers that a call asks for`() throws {
        var limits = BudgetLimits()
        limits.tokens = 10_000
        var (tree, leaf) = tree(limits)
        func ask(_ choices: Int, least: Int = 1) -> BudgetAsk {
            BudgetAsk(
                base: .zero, perOutputToken: .zero, promptTokens: 20, wantedOutput: 9_000, leastOutput: least,
                choices: choices)
        }
        let many = ask(128)
        let grant = try granted(tree.decide(many, scope: leaf, at: noon))
        #expect(grant.output == 77 && grant.ceiling == 77)
        #expect(grant.tokens == 20 + 77 * 128)
        var reservation = tree.reserve(grant, for: many, scope: leaf, at: noon)
        // 124 are left, which is not one for each.
        #expect(tree.extend(&reservation, output: 10, at: noon) == 0)
        #expect(tree.decide(many, scope: leaf, at: noon) == .wait(leaf))
        #expect(
            try granted(
                tree.decide(
                    BudgetAsk(
                        base: .zero, perOutputToken: .zero, promptTokens: 20, wantedOutput: 52, choices: 2),
                    scope: leaf, at: noon
                )
            ).output == 52)
        tree.shrink(&reservation, to: .zero, tokens: 20 + 70 * 128)
        #expect(tree.extend(&reservation, output: 100, at: noon) == 7)
        #expect(reservation.tokens == grant.tokens)
        tree.settle(reservation, cost: .zero, tokens: 9_000, at: noon)
        #expect(
            tree.decide(ask(128, least: 16), scope: leaf, at: noon)
                == .refused(
                    BudgetShortage(
                        scope: "s0", kind: .tokens(limit: 10_000, used: 9_000, needed: 20 + 16 * 128))))
    }

    @Test func `a reset makes no room out of a call whose cost is unknown`() throws {
        var limits = limit(10_000)
        limits.tokens = 300
        limits.calls = 2
        var (tree, leaf) = tree(limits)
        let ask = ask(100, wanted: 100)
        let unknown = tree.reserve(
            try granted(tree.decide(ask, scope: leaf, at: noon)), for: ask, scope: leaf, at: noon)
        tree.hold(unknown, amount: unknown.amount)
        tree.update(leaf) { $0.reset() }
        #expect(tree.scopes[leaf].held == unknown.amount)
        tree.reconcile(
            scope: leaf, held: unknown.amount, heldTokens: unknown.tokens, cost: USD(picodollars: 50), tokens: 30,
            at: noon)
        #expect(tree.scopes[leaf].tokens == 30)
        #expect(tree.scopes[leaf].calls == 1)
        #expect(tree.scopes[leaf].spent.total == USD(picodollars: 50))
    }

    @Test func `a reset heals windows that a clock far ahead has moved`() throws {
        var daily = BudgetLimits()
        daily.money.daily = USD(picodollars: 1000)
        var (tree, leaf) = tree(daily)
        let ask = ask(100, wanted: 90)
        for time in [noon + .seconds(86_400 * 400), noon] {
            let call = tree.reserve(
                try granted(tree.decide(ask, scope: leaf, at: time)), for: ask, scope: leaf, at: time)
            tree.settle(call, cost: USD(picodollars: 1000), tokens: 1, at: time)
            tree.update(leaf) { $0.reset() }
        }
        let call = tree.reserve(try granted(tree.decide(ask, scope: leaf, at: noon)), for: ask, scope: leaf, at: noon)
        tree.settle(call, cost: USD(picodollars: 1000), tokens: 1, at: noon)
        _ = try granted(tree.decide(ask, scope: leaf, at: noon + .seconds(86_400)))
    }
}
