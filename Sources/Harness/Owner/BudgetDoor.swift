package import PreflightCore

/// A budget that somebody else keeps: how it stands, and how it is changed.
package struct BudgetDoor: Sendable {
    package struct Standing: Sendable, Equatable {
        /// Nil without a limit.
        package var limit: USD?
        /// Spent, held, and reserved by what is under way.
        package var committed: USD

        package init(limit: USD?, committed: USD) {
            self.limit = limit
            self.committed = committed
        }
    }

    package var standing: @Sendable () async throws -> Standing
    /// False when more is committed by now.
    package var set: @Sendable (USD) async throws -> Bool

    package init(
        standing: @escaping @Sendable () async throws -> Standing, set: @escaping @Sendable (USD) async throws -> Bool
    ) {
        self.standing = standing
        self.set = set
    }
}
