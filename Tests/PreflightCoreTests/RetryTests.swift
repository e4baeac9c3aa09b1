import PreflightCore
import TestSupport
import Testing

@Suite struct RetryRuleTests {
    private func trial(_ alias: String, _ outcome: Outcome?) -> TrialSummary {
        var summary = TrialSummary(plan: TrialPlan(alias: alias, model: "m", budget: USD(cents: 10)))
        summary.outcome = outcome
        summary.cost = USD(cents: 1)
        return summary
    }

    @Test func `infrastructure is what the agent has no part in, and nothing that completed is ever chosen`() throws {
        var ended = trial("ended with its field", .cancelled)
        ended.cause = EndRule.fieldEnded
        let trials = Outcome.allCases.map { trial($0.rawValue, $0) } + [trial("running", nil), ended]
        let chosen = try RetryRule(causes: [.infrastructure]).chosen(from: trials)
        #expect(
            chosen.map(\.alias) == [
                "image_failed", "docker_failed", "provider_failed", "provisioning_failed", "harness_failed", "lost",
                "ended with its field",
            ])
        for name in RetryRule.Cause.names {
            let chosen = try RetryRule(causes: [RetryRule.Cause(name: name)]).chosen(from: trials)
            #expect(!chosen.isEmpty && chosen.allSatisfy { $0.outcome != .completed && $0.outcome != nil })
        }
        #expect(throws: PreflightError.self) { try RetryRule.Cause(name: "completed") }
    }

    @Test func `a trial that was named and did not fail for the cause is an error, not left out`() throws {
        let trials = [trial("a", .dockerFailed), trial("b", .agentFailed), trial("c", .dockerFailed)]
        #expect(try RetryRule(causes: [.infrastructure], wanted: ["c"]).chosen(from: trials).map(\.alias) == ["c"])
        #expect(throws: PreflightError.self) {
            try RetryRule(causes: [.infrastructure], wanted: ["a", "b"]).chosen(from: trials)
        }
        let both = RetryRule(causes: [.infrastructure, .outcome(.agentFailed)], wanted: ["a", "b"])
        #expect(try both.chosen(from: trials).map(\.alias) == ["a", "b"])
    }

    @Test func `what a sweep finds of a key's spend is no longer among what may still turn up`() {
        var failed = trial("a", .dockerFailed)
        failed.cost = USD(cents: 10)
        failed.polledSpend = USD(cents: 10)
        failed.unknownUpTo = USD(cents: 40)
        let isNewsOf30 = failed.note(spent: USD(cents: 30), by: failed.attempt)
        #expect(isNewsOf30)
        #expect(failed.cost == USD(cents: 30) && failed.unknownUpTo == USD(cents: 20))
        #expect(failed.mostSpent == USD(cents: 50))
        let isNewsOf50 = failed.note(spent: USD(cents: 50), by: failed.attempt)
        #expect(isNewsOf50)
        #expect(failed.cost == USD(cents: 50) && failed.unknownUpTo == nil)
        let isNewsOf45 = failed.note(spent: USD(cents: 45), by: failed.attempt)
        #expect(!isNewsOf45)
    }

    @Test func `a budget is whole for each attempt, and the total is of all`() {
        var first = trial("a", .dockerFailed)
        first.unknownUpTo = USD(cents: 2)
        let again = first.runAgain(as: TrialPlan(alias: "a", model: "m", budget: USD(cents: 10)))
        #expect(again.budget == USD(cents: 10) && again.attempt.name == "a@2")
        var second = TrialSummary(plan: again)
        second.cost = USD(cents: 4)
        #expect(second.totalCost == USD(cents: 5) && second.totalUnknown == USD(cents: 2))
        let budget = RetryBudget(again: [again], trials: [second, trial("b", .completed)], total: USD(cents: 15))
        #expect(budget.room == USD(cents: 7) && budget.most == USD(cents: 7) && budget.wanted == USD(cents: 10))
        #expect(RetryBudget(again: [again], trials: [second], total: nil).most == USD(cents: 10))
        #expect(RetryBudget(again: [again], trials: [second], total: USD(cents: 3)).room == .zero)
    }

    @Test func `a summary keeps its earlier attempts as it is written and read`() throws {
        let first = trial("a", .lost)
        var second = TrialSummary(plan: first.runAgain(as: TrialPlan(first)))
        second.outcome = .dockerFailed
        var third = TrialSummary(plan: second.runAgain(as: TrialPlan(first)))
        third.cost = USD(cents: 3)
        #expect(third.attempt == TrialAttempt(alias: "a", number: 3))
        #expect(TrialSummary(json: third.json) == third)
        #expect(third.earlier.allSatisfy { $0.earlier.isEmpty })
        #expect(third.json["total_usd"]?.usd() == third.totalCost)
        // What a sweep finds goes to the attempt whose key it was.
        let taken = third.note(spent: USD(cents: 9), by: TrialAttempt(name: "a"))
        #expect(taken && third.earlier[0].cost == USD(cents: 9) && third.cost == USD(cents: 3))
        let isNews = third.note(spent: USD(cents: 9), by: TrialAttempt(name: "a@7"))
        #expect(!isNews)
    }

    @Test(arguments: ["a", "llama-3.3", "a@2", "a@17"]) func `a name is read as it is written`(name: String) {
        #expect(TrialAttempt(name: name).name == name)
    }

    @Test(arguments: ["a@", "a@x", "a@1", "a@-2", "@", "a@2@3"]) func `what is no attempt is an alias`(name: String) {
        #expect(TrialAttempt(name: name) == TrialAttempt(alias: name))
    }
}
