import PreflightCore

/// The one account behind all keys.
struct Account: Sendable {
    static let userID = "user_2simulated0000000000000000"
    static let workspaceID = "00000000-0000-5000-8000-000000000001"

    var totalCredits: USD
    var spend = SpendHistory()

    /// What is left in truth, not as shown.
    var balance: USD { totalCredits - spend.total }
}
