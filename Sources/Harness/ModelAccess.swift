package import PreflightCore

/// What stands between a trial's container and its models when the network is closed: a gateway, from the harness's
/// side. The harness makes the network and the container, the gateway answers on the network's address on this machine.
package struct ModelAccess: Sendable {
    /// Opens a trial's exit.
    package var open: @Sendable (Request) async throws -> Exit
    package var tunnels: TunnelPolicy
    /// What all trials of the run share in the ledger.
    package var total: BudgetDoor
    /// What a trial has spent, and what is held of it.
    package var committed: @Sendable (_ trial: String) async throws -> USD
    /// What a trial has cost whose exit died with its process.
    package var reckon: @Sendable (_ trial: String, _ told: CallBook, @escaping Report) async -> Account

    /// Takes what happens, in order. It must not be waited for.
    package typealias Report = @Sendable (_ type: String, _ fields: JSON.Object) -> Void

    package init(
        tunnels: TunnelPolicy, total: BudgetDoor, committed: @escaping @Sendable (String) async throws -> USD,
        reckon: @escaping @Sendable (String, CallBook, @escaping Report) async -> Account,
        open: @escaping @Sendable (Request) async throws -> Exit
    ) {
        self.open = open
        self.tunnels = tunnels
        self.total = total
        self.committed = committed
        self.reckon = reckon
    }

    package struct Request: Sendable {
        package var run: String
        package var trial: TrialPlan
        /// The address of this machine on the trial's own network.
        package var address: String
        /// The trial's own key at OpenRouter; it stays on this side. Nil for a trial of another upstream.
        package var subKey: Secret?
        package var expiresAt: Timestamp
        /// Where the container has had a way before, which is to be open again.
        package var before: Before?
        /// Its calls wait from the beginning.
        package var isHeld = false
        package var report: Report
    }

    /// A way that a container knows, and what its log knows of the calls that went by it.
    package struct Before: Sendable {
        package var host: String
        package var port: Int
        /// What the container shows.
        package var key: Secret
        package var told: CallBook

        /// Reads what the container was given; nil where that is not a way to a gateway.
        package init?(_ environment: [String: Secret], told: CallBook) {
            guard let key = environment["OPENROUTER_API_KEY"],
                let origin = environment["OPENROUTER_BASE_URL"]?.reveal(), origin.hasPrefix("http://")
            else { return nil }
            let place = origin.dropFirst("http://".count).prefix { $0 != "/" }.split(separator: ":")
            guard place.count == 2, let port = Int(place[1]) else { return nil }
            host = String(place[0])
            self.port = port
            self.key = key
            self.told = told
        }
    }

    package struct Exit: Sendable {
        /// What the container shows instead of a key.
        package var key: Secret
        /// `http://172.20.0.1:40001`, without a path.
        package var origin: String
        /// The trial's budget in the ledger.
        package var budget: BudgetDoor
        /// From now on what the container shows is no key any more.
        package var revoke: @Sendable () -> Void
        package var calls: CallDoor
        /// Ends the key and what is under way with it, and says what the trial has cost.
        package var close: @Sendable () async -> Account

        package init(
            key: Secret, origin: String, budget: BudgetDoor, calls: CallDoor, revoke: @escaping @Sendable () -> Void,
            close: @escaping @Sendable () async -> Account
        ) {
            self.key = key
            self.origin = origin
            self.budget = budget
            self.calls = calls
            self.revoke = revoke
            self.close = close
        }
    }

    /// What can be done to a trial's calls on their way. Both return at once.
    package struct CallDoor: Sendable {
        /// Whether they wait.
        package var setHeld: @Sendable (Bool) -> Void
        /// Puts a message before the model, once, with the next call that has a place for it.
        package var tell: @Sendable (TrialState.Steer) -> Void

        package init(
            setHeld: @escaping @Sendable (Bool) -> Void, tell: @escaping @Sendable (TrialState.Steer) -> Void
        ) {
            self.setHeld = setHeld
            self.tell = tell
        }
    }

    /// A trial's sums in the ledger.
    package struct Account: Sendable {
        package var settled: USD
        /// Of calls whose cost could not be found out.
        package var held: USD
        /// Nil where the ledger could be read.
        package var failure: String?
        /// Tells the ledger what the trial has cost in all, so that nothing of it stays held; what its calls were
        /// settled at.
        package var settle: @Sendable (_ total: USD) async -> [(call: Int64, cost: USD)]

        package init(
            settled: USD, held: USD, failure: String? = nil,
            settle: @escaping @Sendable (USD) async -> [(call: Int64, cost: USD)] = { _ in [] }
        ) {
            self.settled = settled
            self.held = held
            self.failure = failure
            self.settle = settle
        }
    }
}

/// How a trial's container reaches its models.
struct TrialPath: Sendable {
    var network: String
    var key: Secret
    /// Nil where OpenRouter is reached directly.
    var origin: String?
    var tunnels: TunnelPolicy = .open
}
