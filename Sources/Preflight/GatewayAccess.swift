import Gateway
import Harness
import OpenRouter
import PreflightCore
import Store
import Synchronization

/// The gateway inside a run: every trial has a listener on its own network, a key that is good only there, and a
/// budget below the run's in the ledger.
struct GatewayAccess {
    let runID: String
    let experiment: Experiment
    let wiring: Wiring
    let lease: RunLease
    /// On the run's name; nil for a run that has its scopes already.
    var claim: RunClaim?
    var report: @Sendable (FieldEvent) -> Void = { _ in }

    /// Runs `body` with the way to the models, and ends everything that was opened when it returns.
    func withAccess<T: Sendable>(_ body: @Sendable (ModelAccess) async throws -> T) async throws -> T {
        let catalogue = try await listedPrices()
        let others = try experiment.gatewayUpstreams(wiring.settings.environment)
        let ledger = try Ledger(path: wiring.runs.journalPath, now: wiring.world.now)
        let reports = Reports()
        let openRouter = Upstream(
            name: Experiment.openRouterName, kind: .openRouter,
            address: try UpstreamAddress(url: wiring.settings.baseURL), key: nil, pricing: .listed)
        var settings = GatewaySettings(upstreams: (catalogue == nil ? [] : [openRouter]) + others)
        settings.patience.outage = experiment.limits.outage.map(OutageRule.init) ?? .standard
        let gateway = try Gateway(
            // The end of a key must not come early because the machine's clock was set.
            settings: settings, ledger: ledger, now: wiring.world.steadyNow,
            report: { reports.pass($0) })
        if let catalogue { gateway.prices.set(catalogue, of: openRouter.name) }
        let models = Set(experiment.models.filter { $0.upstream == nil }.map(\.id))
        let watch = PriceWatch(
            client: wiring.doors.anonymous, prices: gateway.prices, upstream: openRouter.name,
            clock: wiring.world.clock
        ) { change in
            guard models.contains(change.model) else { return }
            report(.warning("\(change.text); calls are reserved at the dearer of both"))
            reports.tell("prices_changed", change.fields.object ?? JSON.Object(), ofModel: change.model)
        }
        reports.follow { watch.take($0) }
        let result: Result<T, any Error> = await withTaskGroup(of: Void.self) { group in
            group.addTask { await gateway.run() }
            if let catalogue { group.addTask { await watch.run(since: catalogue) } }
            let result: Result<T, any Error>
            do {
                let shared = try await sharedScope(ledger)
                let run = try await ledger.scope(
                    ofRun: runID, below: shared,
                    limits: BudgetLimits(
                        total: shared == nil ? experiment.budget.total : nil, hold: experiment.budget.hold),
                    claim: claim)
                let total = ledger.door(of: shared ?? run)
                result = .success(try await body(access(gateway, ledger, run: run, total: total, reports)))
            } catch {
                result = .failure(error)
            }
            await gateway.stop([], grace: .zero)
            group.cancelAll()
            return result
        }
        await gateway.shutDown()
        await ledger.close()
        return try result.get()
    }

    /// OpenRouter's, as of now; nil where no trial is called there.
    private func listedPrices() async throws -> Catalogue? {
        guard experiment.usesOpenRouter else { return nil }
        do { return try await wiring.doors.anonymous.allModels() } catch {
            throw PreflightError(
                .refused, "the prices of the models cannot be read: \(error)", hint: error.hint)
        }
    }

    /// Which models a trial may call; empty for all that its upstream serves.
    private func models(of trial: TrialPlan) -> [ModelPattern] {
        switch experiment.calls ?? (trial.upstream == nil ? .any : .own) {
        case .own: [ModelPattern(trial.model)]
        case .any: []
        }
    }

    /// What this run shares with others; nil where it has a total of its own.
    private func sharedScope(_ ledger: Ledger) async throws -> ScopeID? {
        guard let name = experiment.budget.envelope else { return nil }
        // Its owner may have changed it meanwhile.
        return try await ledger.envelope(name, total: claim == nil ? nil : experiment.budget.total)
    }

    private func access(
        _ gateway: Gateway, _ ledger: Ledger, run: ScopeID, total: BudgetDoor, _ reports: Reports
    ) -> ModelAccess {
        let tunnels = experiment.network ?? .closed
        let hold = experiment.budget.hold
        let lease = lease
        let past = PastCalls(ledger: ledger, run: runID)
        return ModelAccess(
            tunnels: tunnels, total: total, committed: { try await past.committed(of: $0) },
            reckon: { trial, told, report in
                do {
                    guard let scope = try await past.scope(of: trial) else {
                        return ModelAccess.Account(settled: .zero, held: .zero)
                    }
                    try await past.tell(trial, told, report)
                    return await Self.account(of: scope, past.name(of: trial), ledger)
                } catch {
                    return ModelAccess.Account(settled: .zero, held: .zero, failure: "\(error)")
                }
            },
            open: { request in
                let trial = request.trial.attempt.name
                let name = past.name(of: trial)
                let scope = try await ledger.scope(
                    named: name, parent: run, limits: BudgetLimits(total: request.trial.budget, hold: hold))
                if let before = request.before { try await past.tell(trial, before.told, request.report) }
                reports.open(name, request.trial.source, request.report)
                let calls = CallControl(isHeld: request.isHeld)
                let bound: BoundListener
                do {
                    bound = try await gateway.listen(
                        Listener(name: name, wantsBoundKeys: true, tunnels: tunnels, control: calls) { lease.isHeld },
                        host: request.address, port: request.before?.port ?? 0)
                } catch {
                    reports.close(name)
                    throw error
                }
                let text = request.before?.key.reveal() ?? KeyText.random()
                let key = gateway.keys.issue(text) { label in
                    VirtualKey(
                        id: name, label: label, scope: scope, scopeName: name, models: models(of: request.trial),
                        expiresAt: request.expiresAt, listener: name,
                        upstream: request.trial.upstream ?? Experiment.openRouterName, upstreamKey: request.subKey)
                }
                // Only OpenRouter can be asked what a call has cost.
                if request.before != nil, request.trial.upstream == nil {
                    gateway.reconcile(try await past.held(trial).map(\.call), with: key, listener: name)
                }
                return ModelAccess.Exit(
                    key: Secret(text), origin: "http://\(bound.host):\(bound.port)", budget: ledger.door(of: scope),
                    calls: ModelAccess.CallDoor(
                        setHeld: { calls.setHeld($0) },
                        tell: { calls.tell(CallControl.Message(number: $0.number, text: $0.textForModel)) }),
                    revoke: { gateway.keys.revoke(key) }
                ) {
                    gateway.keys.revoke(key)
                    await gateway.close(bound)
                    let account = await Self.account(of: scope, name, ledger)
                    reports.close(name)
                    return account
                }
            })
    }

    /// The trial's sums once they stand: what was broken off is asked about for a while.
    private static func account(of scope: ScopeID, _ name: String, _ ledger: Ledger) async -> ModelAccess.Account {
        do {
            let reader = try LedgerReader(path: ledger.path)
            func held() async throws -> [LedgerReader.Call] {
                try await reader.heldCalls().filter { $0.scopeName == name }
            }
            _ = try await ledger.setClosed(true, scope: scope)
            let deadline = ContinuousClock.now + patience
            while true {
                let standing = try await ledger.standing(of: scope).scope
                // Only calls that OpenRouter has named can be asked about.
                let isWaiting = try await held().contains { $0.generation != nil } && ContinuousClock.now < deadline
                if standing.openCalls == 0, !isWaiting {
                    return ModelAccess.Account(settled: standing.spent.total, held: standing.held) { total in
                        await settle(scope, at: total, ledger, reader, name)
                    }
                }
                guard ContinuousClock.now < deadline + .seconds(5) else {
                    return ModelAccess.Account(
                        settled: standing.spent.total, held: standing.held + standing.reserved,
                        failure: "calls did not end")
                }
                try? await ContinuousClock().sleep(for: .milliseconds(100))
            }
        } catch {
            return ModelAccess.Account(settled: .zero, held: .zero, failure: "\(error)")
        }
    }

    /// Puts down what is missing to `total` to the first call whose cost is unknown, and nothing to the others.
    private static func settle(
        _ scope: ScopeID, at total: USD, _ ledger: Ledger, _ reader: LedgerReader, _ name: String
    ) async -> [(call: Int64, cost: USD)] {
        guard let standing = try? await ledger.standing(of: scope), let calls = try? await reader.heldCalls() else {
            return []
        }
        var rest = max(.zero, total - standing.scope.spent.total)
        var settled: [(call: Int64, cost: USD)] = []
        for call in calls where call.scopeName == name {
            guard (try? await ledger.reconcile(call.call, cost: rest)) == true else { continue }
            settled.append((call.id.row, rest))
            rest = .zero
        }
        return settled
    }

    /// OpenRouter writes down most broken calls within seconds.
    private static let patience = Duration.seconds(20)

    /// Hands each event to the trial whose listener it came in by.
    private final class Reports: Sendable {
        typealias Report = @Sendable (String, JSON.Object) -> Void
        private let open = Mutex<[String: (source: ModelSource, report: Report)]>([:])
        private let follower = Follower<GatewayEvent>()

        func open(_ listener: String, _ source: ModelSource, _ report: @escaping Report) {
            open.withLock { $0[listener] = (source, report) }
        }
        func close(_ listener: String) { open.withLock { $0[listener] = nil } }

        func pass(_ event: GatewayEvent) {
            open.withLock { $0[event.listener] }?.report(event.kind.rawValue, event.fields)
            follower.tell(event)
        }

        func follow(_ follower: @escaping @Sendable (GatewayEvent) -> Void) {
            self.follower.set(follower)
        }

        /// - Parameter model: of OpenRouter.
        func tell(_ type: String, _ fields: JSON.Object, ofModel model: String) {
            let source = ModelSource(model: model)
            for entry in open.withLock({ Array($0.values) }) where entry.source == source { entry.report(type, fields) }
        }
    }
}

extension Ledger {
    /// A scope's limit for all time, as the owner of a run changes it. It never falls below what is committed.
    func door(of scope: ScopeID) -> BudgetDoor {
        BudgetDoor {
            let scope = try await self.standing(of: scope).scope
            return BudgetDoor.Standing(limit: scope.limits.money.total, committed: scope.committed + scope.reserved)
        } set: {
            try await self.setTotal($0, of: scope)
        }
    }
}
