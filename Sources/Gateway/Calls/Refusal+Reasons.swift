import PreflightCore
import Store

extension Refusal {
    /// Why a call cannot be read or priced.
    init(_ refusal: CallRefusal) {
        let message = [refusal.message, refusal.hint].compactMap(\.self).joined(separator: "; ")
        switch refusal {
        case .invalidBody: self = .invalid(message, code: "invalid_json")
        case .invalidMember(let name, _), .ambiguousMember(let name, _): self = .invalid(message, param: name)
        case .unknownModel(let model): self = .unknownModel(model)
        case .unknownPrice(let model): self = .unknownPrice(model)
        case .routedPrice, .unboundedPrompt, .unboundedOutput:
            self = .unprocessable(message, param: "model", code: "unbounded_cost")
        case .extraNotAllowed(let extra):
            self = .unprocessable(message, param: extra.name, code: "not_allowed")
        case .tooManyExtras: self = .unprocessable(message, param: nil, code: "not_allowed")
        case .thinkingTooLarge:
            self = Refusal(
                status: 402, code: "budget_exhausted", message: message, metadata: JSON.Object())
        }
    }

    /// Why there is no reservation.
    init(_ refusal: LedgerRefusal, at now: Timestamp) {
        switch refusal {
        case .short(let shortage): self.init(shortage)
        case .busy(let scope):
            self = .rateLimited(
                "Calls under way hold what is left in the budget of \(scope)", retryAfter: 10)
        case .unavailable(let reason):
            self = .unavailable("The ledger cannot be written, so nothing is spent: \(reason)", retryAfter: 5)
        case .cancelled: self = .unavailable("The call was given up", retryAfter: nil)
        }
    }

    init(_ shortage: BudgetShortage) {
        switch shortage.kind {
        case .money(_, let limit, let spent, let needed):
            self = .budgetExhausted(scope: shortage.scope, limit: limit, spent: spent, needed: needed)
            if let endsAt = shortage.endsAt { metadata["resets_at"] = .string(endsAt.iso8601Seconds) }
        case .call(let limit, let needed):
            self = .budgetExhausted(scope: "call", limit: limit, spent: .zero, needed: needed)
            message = "The call is limited to \(limit) by x-preflight-max-cost, and needs \(needed)"
        case .tokens, .calls, .time, .closed:
            var metadata = JSON.Object()
            metadata["scope"] = .string(shortage.scope)
            switch shortage.kind {
            case .tokens(let limit, let used, let needed):
                metadata["limit_tokens"] = .int(limit)
                metadata["used_tokens"] = .int(used)
                metadata["needed_tokens"] = .int(needed)
            case .calls(let limit): metadata["limit_calls"] = .int(limit)
            case .time(let limit): metadata["limit_seconds"] = .int(limit.wholeSeconds)
            default: break
            }
            self = Refusal(
                status: 402, code: shortage.kind == .closed ? "budget_closed" : "budget_exhausted",
                message: shortage.description, metadata: metadata)
        }
    }
}
