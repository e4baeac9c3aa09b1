import PreflightCore
import Reports
import Testing

@Suite struct FateTests {
    @Test(arguments: [
        (Outcome.completed, "exit code 0", Fate.completed),
        (.agentFailed, "exit code 1", .failed),
        (.budgetExhausted, "spent $0.25 of $0.25", .cutOff(.money)),
        (.ejected, "budget_fraction: spent $0.03, 10% of $0.25", .cutOff(.money)),
        (.ejected, "wall: ran for 1m00s, limit 1m00s", .cutOff(.time)),
        (.ejected, "race: the others are done", .cutOff(.race)),
        (.ejected, "held_too_long: held for 10m", .cutOff(.owner)),
        (.ejected, "when: spend > $0.10", .cutOff(.money)),
        (.ejected, "when: spend_share >= 0.5 and not (elapsed < 10m)", .cutOff(.money)),
        (.ejected, "when: elapsed > 10m", .cutOff(.time)),
        (.ejected, "budget_exceeded+wall: spent; ran", .cutOff(.money)),
        // These judge the trial.
        (.ejected, "when: spend > $0.10 and output_files == 0", .failed),
        (.ejected, "when: context.spend > 3", .failed),
        (.ejected, "wall+errors: ran; 5 errors", .failed),
        (.ejected, "idle: silent for 15s", .failed), (.ejected, "loop: 4 times bash", .failed),
        (.ejected, "stall: spent $0.05 since the last file", .failed), (.ejected, "chatty: 40 turns", .failed),
        (.ejected, "owner: talks to itself", .failed),
        (.cancelled, "stopped by its owner", .cutOff(.owner)),
        (.imageFailed, "", .missing), (.dockerFailed, "", .missing), (.providerFailed, "", .missing),
        (.provisioningFailed, "", .missing), (.harnessFailed, "", .missing), (.lost, "", .missing),
    ])
    func `a bound cuts off, a judgement fails, and what let the trial down is missing`(
        outcome: Outcome, reason: String, fate: Fate
    ) {
        #expect(Fate(CompareFixture.summary("a", outcome: outcome, reason: reason)) == fate)
    }

    @Test func `every policy's own words are told apart as they are meant`() throws {
        // As the policies themselves word it, not as this test does.
        var state = TrialState()
        state.budget = USD(cents: 10)
        state.polledSpend = USD(cents: 10)
        let reason = try #require(
            EjectPolicy.budgetFraction(permille: 500, unless: nil).verdict(for: state, at: .zero).reason)
        let question = try EjectPolicy.when(Question(parsing: "spend > $0.02")).verdict(for: state, at: .zero)
        for reason in [reason, try #require(question.reason)] {
            let words = "\(reason.policy): \(reason.message)"
            #expect(Fate(CompareFixture.summary("a", outcome: .ejected, reason: words)) == .cutOff(.money), "\(words)")
        }
    }

    @Test func `who never began was not seen, who has not ended is cut off so far`() {
        #expect(Fate(CompareFixture.summary("a", outcome: .cancelled, seconds: 0)) == .missing)
        #expect(Fate(CompareFixture.summary("a", outcome: nil, seconds: 0)) == .missing)
        #expect(Fate(CompareFixture.summary("a", outcome: nil)) == .cutOff(.underWay))
    }
}
