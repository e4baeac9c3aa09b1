import PreflightCore
import Testing

@Suite struct OwnerTests {
    @Test(
        arguments: [
            ("+0.50", .by(USD(cents: 50))), ("+$2", .by(USD(cents: 200))), ("2.00", .to(USD(cents: 200))),
            ("$0.25", .to(USD(cents: 25))), ("0", nil), ("+0", nil), ("-1", nil), ("+", nil), ("++1", nil),
            ("much", nil),
        ] as [(String, BudgetExtension?)])
    func `a budget is extended by an amount or to one`(text: String, change: BudgetExtension?) {
        #expect(BudgetExtension(text) == change)
    }

    @Test func `an extension is absolute once it is resolved`() {
        #expect(BudgetExtension.by(USD(cents: 50)).target(from: USD(cents: 25)) == USD(cents: 75))
        #expect(BudgetExtension.to(USD(cents: 50)).target(from: USD(cents: 25)) == USD(cents: 50))
    }

    @Test func `a budget neither falls below what is spent nor rises above the total`() {
        let rule = ExtensionRule(name: "a", budget: USD(cents: 25), committed: USD(cents: 10), total: USD(cents: 100))
        #expect(rule.refusal(of: USD(cents: 75)) == nil)
        #expect(rule.refusal(of: USD(cents: 100)) == nil)
        #expect(rule.refusal(of: USD(cents: 10)) == nil)
        #expect(rule.refusal(of: USD(cents: 9)) == "a has spent $0.10: its budget cannot become $0.09")
        #expect(rule.refusal(of: USD(cents: 25)) == "a has a budget of $0.25 already")
        #expect(rule.refusal(of: USD(cents: 101))?.contains("more than the run's total, $1.00") == true)
    }

    @Test func `an extended budget makes room again for who was refused before`() {
        var state = TrialState()
        func apply(_ type: String, _ fields: KeyValuePairs<String, JSON?>) {
            state.apply(
                Event(
                    timestamp: Timestamp(seconds: 1), elapsed: .seconds(1),
                    source: type == "error" ? .agent : .harness, type: type,
                    fields: JSON.record(fields).object ?? JSON.Object()))
        }
        apply("trial_started", ["model": "m", "budget": .usd(USD(cents: 5))])
        for _ in 0..<4 { apply("error", ["code": 402, "message": "no"]) }
        #expect(state.budgetRefusalsInARow == 4)
        apply("owner_request", ["request": "1", "order": "extend", "budget": .usd(USD(cents: 10))])
        #expect(state.budget == USD(cents: 5) && state.budgetRefusalsInARow == 4)
        apply("budget_extended", ["budget": .usd(USD(cents: 10))])
        #expect(state.budget == USD(cents: 10) && state.budgetRefusalsInARow == 0)
        #expect(state.budgetRefusals == 4)
    }
}
