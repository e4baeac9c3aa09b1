/// The budgets and how they nest: what one call may take, decided over its whole chain at once.
///
/// A pure value. A ledger keeps one in memory beside its file and writes what changed; tests compare the two.
package struct BudgetTree: Sendable, Equatable {
    package private(set) var scopes: [BudgetScope] = []
    package private(set) var parents: [Int?] = []

    package init() {}

    /// Adds a scope and returns its index. `parent` is the index of one that was added before.
    package mutating func add(_ scope: BudgetScope, parent: Int? = nil) -> Int {
        scopes.append(scope)
        parents.append(parent)
        return scopes.count - 1
    }

    /// Takes the scopes from `index` on away. None before it has a parent among them.
    package mutating func forget(from index: Int) {
        scopes.removeSubrange(index...)
        parents.removeSubrange(index...)
    }

    package mutating func update(_ index: Int, _ change: (inout BudgetScope) -> Void) { change(&scopes[index]) }

    /// From a scope to its root.
    package func chain(from index: Int) -> [Int] {
        var chain: [Int] = []
        forEach(from: index) { chain.append($0) }
        return chain
    }

    @inline(__always)
    package func forEach(from index: Int, _ body: (Int) -> Void) {
        var next: Int? = index
        while let current = next {
            body(current)
            next = parents[current]
        }
    }

    @inline(__always)
    private mutating func change(from index: Int, _ body: (inout BudgetScope) -> Void) {
        var next: Int? = index
        while let current = next {
            body(&scopes[current])
            next = parents[current]
        }
    }
}

// MARK: Deciding

/// What the tree says to an ask.
package enum BudgetDecision: Sendable, Equatable {
    case granted(BudgetGrant)
    /// Calls under way hold what is missing. The index names the scope that is short.
    case wait(Int)
    case refused(BudgetShortage)
}

extension BudgetTree {
    /// What `ask` would get now. Refused only where settled spend leaves too little for the least answer.
    package func decide(_ ask: BudgetAsk, scope: Int, at now: Timestamp) -> BudgetDecision {
        var possible = ask.wantedOutput
        var free = Int.max
        var shortest = scope
        var headroom: USD?
        var isAdaptive = false
        var isStrict = false
        var opensCalls = true

        if let limit = ask.limit {
            guard let output = ask.output(within: limit), output >= ask.leastOutput else {
                return .refused(
                    BudgetShortage(
                        scope: scopes[scope].name, kind: .call(limit: limit, needed: ask.cost(output: ask.leastOutput)))
                )
            }
            possible = Swift.min(possible, output)
        }

        var next: Int? = scope
        while let index = next {
            next = parents[index]
            var node = scopes[index]
            node.roll(to: now)
            if let refusal = node.plainRefusal(at: now) { return .refused(refusal) }
            if let limit = node.limits.calls, node.calls + node.openCalls >= limit, opensCalls {
                opensCalls = false
                shortest = index
            }
            if let limit = node.limits.tokens {
                let left = limit.saturatingAdd(-node.tokens)
                let output = left.saturatingAdd(-ask.promptTokens).shared(by: ask.choices)
                guard output >= ask.leastOutput else { return .refused(node.tokenShortage(ask)) }
                possible = Swift.min(possible, output, ask.openOutput ?? .max)
                let now = left.saturatingAdd(-ask.promptTokens).saturatingAdd(-node.reservedTokens)
                    .shared(by: ask.choices)
                if now < free {
                    free = now
                    shortest = index
                }
            }
            for window in BudgetWindow.allCases {
                guard let potential = node.potential(window) else { continue }
                guard let output = ask.output(within: potential), output >= ask.leastOutput else {
                    return .refused(node.shortage(ask, window: window, at: now))
                }
                possible = Swift.min(possible, output)
                let left = potential - node.reserved
                headroom = headroom.map { Swift.min($0, left) } ?? left
                let now = ask.output(within: left) ?? -1
                if now < free {
                    free = now
                    shortest = index
                }
            }
            if node.limits.hasMoneyLimit {
                if node.limits.hold == .strict { isStrict = true } else { isAdaptive = true }
            }
        }

        guard opensCalls else { return .wait(shortest) }
        let adaptive = isAdaptive && !isStrict
        var output = adaptive ? Swift.min(possible, Swift.max(ask.expectedOutput, ask.leastOutput)) : possible
        if free < output {
            guard ask.takesLess, free >= ask.leastOutput else { return .wait(shortest) }
            output = free
        }
        let amount = ask.cost(output: output)
        return .granted(
            BudgetGrant(
                output: output, ceiling: adaptive ? Swift.max(output, Swift.min(possible, free)) : output,
                amount: amount, tokens: ask.tokens(output: output), headroom: headroom.map { $0 - amount },
                tightest: free < .max ? shortest : nil))
    }
}

extension Int {
    /// Of tokens that are left, what each choice gets. What is missing stays missing.
    fileprivate func shared(by choices: Int) -> Int { self > 0 ? self / choices : self }
}

extension BudgetScope {
    fileprivate func plainRefusal(at now: Timestamp) -> BudgetShortage? {
        if isClosed { return BudgetShortage(scope: name, kind: .closed) }
        if let limit = limits.calls, calls >= limit { return BudgetShortage(scope: name, kind: .calls(limit: limit)) }
        if let limit = limits.time, let firstCallAt, now - firstCallAt >= limit {
            return BudgetShortage(scope: name, kind: .time(limit: limit))
        }
        return nil
    }

    fileprivate func tokenShortage(_ ask: BudgetAsk) -> BudgetShortage {
        BudgetShortage(
            scope: name,
            kind: .tokens(limit: limits.tokens ?? 0, used: tokens, needed: ask.tokens(output: ask.leastOutput)))
    }

    fileprivate func shortage(_ ask: BudgetAsk, window: BudgetWindow, at now: Timestamp) -> BudgetShortage {
        BudgetShortage(
            scope: name,
            kind: .money(
                window, limit: limits.cap(window) ?? .zero, spent: spent[window] + held,
                needed: ask.cost(output: ask.leastOutput)),
            endsAt: window.end(of: now))
    }
}

// MARK: Changing

/// A call's part of the tree, from its grant to its end.
package struct BudgetReservation: Sendable, Equatable {
    package var scope: Int
    package var amount: USD
    package var tokens: Int
    package var perOutputToken: USD
    /// As the ask has them.
    package var choices: Int

    package init(scope: Int, amount: USD, tokens: Int, perOutputToken: USD, choices: Int = 1) {
        self.scope = scope
        self.amount = amount
        self.tokens = tokens
        self.perOutputToken = perOutputToken
        self.choices = Swift.max(1, choices)
    }
}

extension BudgetTree {
    /// Takes what `decide` granted from every scope of the chain.
    package mutating func reserve(
        _ grant: BudgetGrant, for ask: BudgetAsk, scope: Int, at now: Timestamp
    ) -> BudgetReservation {
        change(from: scope) { node in
            node.roll(to: now)
            node.open(grant.amount, tokens: grant.tokens, at: now)
        }
        return BudgetReservation(
            scope: scope, amount: grant.amount, tokens: grant.tokens, perOutputToken: ask.perOutputToken,
            choices: ask.choices)
    }

    /// Adds up to `output` tokens to each choice of a running call; returns how many it got, which may be none.
    package mutating func extend(_ reservation: inout BudgetReservation, output: Int, at now: Timestamp) -> Int {
        var possible = output
        forEach(from: reservation.scope) { index in
            var node = scopes[index]
            node.roll(to: now)
            if node.isClosed { possible = 0 }
            if let limit = node.limits.tokens {
                possible = Swift.min(
                    possible,
                    limit.saturatingAdd(-node.tokens).saturatingAdd(-node.reservedTokens)
                        .shared(by: reservation.choices))
            }
            for window in BudgetWindow.allCases {
                guard let left = node.headroom(window) else { continue }
                possible = Swift.min(
                    possible, left.isNegative ? 0 : left.count(of: reservation.perOutputToken) ?? possible)
            }
        }
        guard possible > 0 else { return 0 }
        resize(
            &reservation, by: reservation.perOutputToken * possible,
            tokens: possible.saturatingMultiply(by: reservation.choices))
        return possible
    }

    /// Gives back what a running call cannot need any more. More than there is gives back all.
    package mutating func shrink(_ reservation: inout BudgetReservation, to amount: USD, tokens: Int) {
        let amount = Swift.max(.zero, Swift.min(amount, reservation.amount))
        let tokens = Swift.max(0, Swift.min(tokens, reservation.tokens))
        resize(&reservation, by: amount - reservation.amount, tokens: tokens - reservation.tokens)
    }

    private mutating func resize(_ reservation: inout BudgetReservation, by amount: USD, tokens: Int) {
        change(from: reservation.scope) { $0.resize(by: amount, tokens: tokens) }
        reservation.amount += amount
        reservation.tokens = reservation.tokens.saturatingAdd(tokens)
    }

    /// The call is over and its cost known. A cost above the reservation is charged in full: an overrun.
    package mutating func settle(_ reservation: BudgetReservation, cost: USD, tokens: Int, at now: Timestamp) {
        change(from: reservation.scope) { node in
            node.roll(to: now)
            node.close(reservation.amount, tokens: reservation.tokens)
            node.charge(cost, tokens: tokens)
        }
    }

    /// Nothing was sent: as if the call had never been.
    package mutating func release(_ reservation: BudgetReservation) {
        change(from: reservation.scope) { $0.close(reservation.amount, tokens: reservation.tokens) }
    }

    /// The call was sent and its cost is unknown: `amount` counts as spent until it is known.
    package mutating func hold(_ reservation: BudgetReservation, amount: USD) {
        change(from: reservation.scope) { node in
            node.close(reservation.amount, tokens: reservation.tokens)
            node.hold(amount, tokens: reservation.tokens)
        }
    }

    /// Calls were sent that nothing is known of but their worst case: it counts as spent until more is known.
    package mutating func holdUnknown(_ amount: USD, scope: Int, at now: Timestamp) {
        change(from: scope) { node in
            node.roll(to: now)
            node.hold(amount, tokens: 0)
        }
    }

    /// The cost of a held call has become known.
    package mutating func reconcile(
        scope: Int, held: USD, heldTokens: Int, cost: USD, tokens: Int, at now: Timestamp
    ) {
        change(from: scope) { node in
            node.roll(to: now)
            node.unhold(held, tokens: heldTokens)
            node.charge(cost, tokens: tokens)
        }
    }
}
