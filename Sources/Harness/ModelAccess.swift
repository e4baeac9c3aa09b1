package import PreflightCore

/// What stands between a trial's container and its models when the network is closed: a gateway, from the harness's
/// side. The harness makes the network and the container, the gateway answers on the network's address on this machine.
package struct ModelAccess: Sendable {
    /// Opens a trial's exit.
    package var open: @Sendable (Request) async throws -> Exit
    package var tunnels: TunnelPolicy
    /// What all trials of the run share in the ledger.
    package var total: BudgetDoor

    package init(
        tunnels: TunnelPolicy, total: BudgetDoor, open: @escaping @Sendable (Request) async throws -> Exit
    ) {
        self.open = open
        self.tunnels = tunnels
        self.total = total
    }

    package struct Request: Sendable {
        package var run: String
        package var trial: TrialPlan
        /// The address of this machine on the trial's own network.
        package var address: String
        /// The trial's own key at OpenRouter; it stays on this side.
        package var subKey: Secret
        package var expiresAt: Timestamp
        /// Takes what happens, in order. It must not be waited for.
        package var report: @Sendable (_ type: String, _ fields: JSON.Object) -> Void
    }

    package struct Exit: Sendable {
        /// What the container shows instead of a key.
        package var key: Secret
        /// `http://172.20.0.1:40001`, without a path.
        package var origin: String
        /// The trial's budget in the ledger.
        package var budget: BudgetDoor
        /// Ends the key and what is under way with it, and says what the trial has cost.
        package var close: @Sendable () async -> Account

        package init(
            key: Secret, origin: String, budget: BudgetDoor, close: @escaping @Sendable () async -> Account
        ) {
            self.key = key
            self.origin = origin
            self.budget = budget
            self.close = close
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
