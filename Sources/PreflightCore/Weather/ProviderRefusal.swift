/// The provider's last word to a trial, where no answer came after it: why its agent could not go on.
package struct ProviderRefusal: Hashable, Sendable {
    /// Of the answer; 502 and 504 where there was none.
    package var status: Int
    package var reason: String

    /// Nil for what the agent itself is to blame for, such as a request that cannot be read.
    package init?(status: Int, reason: String) {
        guard Self.permanentCauses[status] != nil || status == 408 || status == 429 || status >= 500 else { return nil }
        self.status = status
        self.reason = reason
    }

    /// Statuses that the same call would get again.
    package static let permanentCauses = [401: "key_refused", 402: "balance_exhausted", 404: "model_gone"]

    package var cause: String { Self.permanentCauses[status] ?? "outage" }

    /// In a sentence, with what to do.
    package var sentence: String {
        switch status {
        case 401: "the provider does not accept the trial's key any more: \(reason)"
        case 402: "the account's balance is used up: \(reason); add credits, then run it again"
        case 404: "the model is gone: \(reason)"
        default: "the provider failed for longer than calls wait: \(reason)"
        }
    }
}
