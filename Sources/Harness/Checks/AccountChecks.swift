import OpenRouter
import PreflightCore

/// What is known of the account's money.
enum AccountFacts: Sendable {
    case balance(USD)
    /// An ordinary key may not know.
    case unknown(String)
    case failed(OpenRouterError)
    case noKey

    var balance: USD? { if case .balance(let balance) = self { balance } else { nil } }

    static func read(_ doors: HarnessDoors) async -> AccountFacts {
        if let management = doors.management {
            do throws(OpenRouterError) {
                let credits = try await management.credits()
                // Zero for both is also what a key that is no management key gets.
                if credits.isUnknown, try await !management.keyInfo().isManagement {
                    return .failed(
                        OpenRouterError(
                            kind: .forbidden, call: "GET /key", message: "OR_ADMIN_KEY is no management key"))
                }
                return .balance(credits.balance)
            } catch {
                return .failed(error)
            }
        }
        guard let inference = doors.inference else { return .noKey }
        do throws(OpenRouterError) {
            let credits = try await inference.credits()
            return credits.isUnknown
                ? .unknown("an ordinary key is not told the balance") : .balance(credits.balance)
        } catch  where error.kind == .forbidden {
            return .unknown("an ordinary key may not ask for the balance")
        } catch {
            return .failed(error)
        }
    }
}

enum AccountChecks {
    static let smallestBalance = USD(cents: 10)
    static let managementHint =
        "set OR_ADMIN_KEY to a management key from https://openrouter.ai/settings/management-keys"

    /// What is said where no trial of the experiment is OpenRouter's.
    static let notUsed = "no trial uses OpenRouter"

    /// - Parameter isNeeded: whether a trial uses OpenRouter.
    static func balance(_ facts: AccountFacts, isNeeded: Bool = true) -> CheckResult {
        guard isNeeded else { return CheckResult("balance", .skip, notUsed) }
        return switch facts {
        case .balance(let balance) where balance > smallestBalance:
            CheckResult("balance", .pass, "\(balance) left")
        case .balance(let balance):
            CheckResult(
                "balance", .fail, "\(balance) left, needs more than \(smallestBalance)",
                hint: "add credits at https://openrouter.ai/settings/credits")
        case .unknown(let reason):
            CheckResult("balance", .warn, "unknown: \(reason)", hint: managementHint)
        case .failed(let error): CheckResult("balance", .fail, "\(error)", hint: error.hint)
        case .noKey: CheckResult("balance", .fail, "no OpenRouter key is set", hint: managementHint)
        }
    }

    /// Trials times budget, against the envelope and against the balance.
    ///
    /// - Parameter sharesTotal: The gateway holds the total call by call, so that trials may share a smaller one.
    static func math(
        _ trials: [TrialPlan], total: USD?, sharesTotal: Bool = false, account: AccountFacts
    ) -> CheckResult {
        let sum = trials.reduce(USD.zero) { $0 + $1.budget }
        let budgets = Set(trials.map(\.budget))
        let each = budgets.count == 1 ? budgets.first.map { " x \($0)" } ?? "" : ""
        let formula = "\(trials.count) trial\(trials.count == 1 ? "" : "s")\(each) = \(sum)"
        if let total, sum > total, !sharesTotal {
            return CheckResult(
                "math", .fail, "\(formula), more than budget.total \(total)",
                hint:
                    "raise budget.total to \(sum), or lower budget.per_trial to \(USD(picodollars: total.picodollars / Int64(max(1, trials.count))).fixed(4))"
            )
        }
        let own = trials.filter { $0.upstream == nil }
        if own.isEmpty {
            let envelope = total.map { " of budget.total \($0)" } ?? ""
            return CheckResult("math", .pass, "\(formula)\(envelope); \(notUsed), the ledger alone holds it")
        }
        guard let balance = account.balance else {
            return CheckResult("math", .warn, "\(formula); the balance is unknown", hint: managementHint)
        }
        let ownSum = own.reduce(USD.zero) { $0 + $1.budget }
        let share = own.count < trials.count ? ", \(ownSum) of it at OpenRouter" : ""
        let most = total.map { min($0, ownSum) } ?? ownSum
        guard most <= balance else {
            return CheckResult(
                "math", .fail, "\(formula)\(share), more than the balance \(balance)",
                hint: "add \(most - balance) at https://openrouter.ai/settings/credits, or lower the budgets")
        }
        let envelope = total.map { " of budget.total \($0)" } ?? ""
        return CheckResult("math", .pass, "\(formula)\(envelope)\(share), balance \(balance)")
    }
}
