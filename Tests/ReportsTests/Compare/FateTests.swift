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
        (.ejected, "held_too_long: held for 10m and not released: loop: 4 times bash", .cutOff(.owner)),
        (.ejected, "when: spend > $0.10", .cutOff(.money)),
        (.ejected, "when: spend_share >= 0.5 and not (elapsed < 10m)", .cutOff(.money)),
        (.ejected, "when: elapsed > 10m", .cutOff(.time)),
        (.ejected, "budget_exceeded+wall: spent; ran", .cutOff(.money)),
        (.ejected, "wall+when: ran for 10m00s, limit 10m00s; spend > $0.10", .cutOff(.time)),
        (.ejected, "when+budget_fraction: spend > $0.02; spent $0.03, 10% of $0.25", .cutOff(.money)),
        // These judge the trial.
        (.ejected, "when: spend > $0.10 and output_files == 0", .failed),
        (.ejected, "when: context.spend > 3", .failed),
        (.ejected, "wall+errors: ran; 5 errors", .failed),
        (.ejected, "wall+when: ran for 10m00s, limit 10m00s; spend > $0.10 and output_files == 0", .failed),
        (.ejected, "wall+when: ran; spend > $0.10 and last_tool contains '; elapsed'", .failed),
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
        let both = try EjectPolicy.all([
            .budgetFraction(permille: 500, unless: nil), .when(Question(parsing: "spend > $0.02")),
        ]).verdict(for: state, at: .zero)
        for reason in [reason, try #require(question.reason), try #require(both.reason)] {
            let words = "\(reason.policy): \(reason.message)"
            #expect(Fate(CompareFixture.summary("a", outcome: .ejected, reason: words)) == .cutOff(.money), "\(words)")
        }
    }

    @Test func `a policy with a name of its owner's is what it is, whatever it is called`() throws {
        let trees: [JSON] = [
            ["race": ["keep": 2, "at": "20m"], "name": "finals"], ["budget_fraction": "50%", "name": "half"],
            ["wall": "10m", "name": "short"], ["when": "spend > $0.10", "name": "cap: dear"],
            ["loop": 4, "name": "wall"],
            ["any": [["wall": "10m"], ["when": "elapsed > 5m and spend > $0.10"]], "name": "bounds"],
            ["any": [["wall": "10m"], ["loop": 4]], "name": "hopeless"],
            ["loop": 4, "name": "early", "do": "notify"], ["wall": "10m", "name": "early"],
        ]
        let rules = try trees.map { try PolicyRule(reader: TreeReader($0, path: "eject")) }
        let fates: [(String, Fate)] = [
            ("finals: is not among the best 2", .cutOff(.race)), ("half: spent $0.13, 50% of $0.25", .cutOff(.money)),
            ("short: ran for 10m", .cutOff(.time)), ("cap: dear: spend > $0.10", .cutOff(.money)),
            ("wall: 4 times bash", .failed), ("bounds: ran for 10m", .cutOff(.time)), ("hopeless: ran", .failed),
            ("early: ran for 10m", .cutOff(.time)), ("idle: silent", .failed), ("race: the others", .cutOff(.race)),
        ]
        for (reason, fate) in fates {
            let summary = CompareFixture.summary("a", outcome: .ejected, reason: reason)
            #expect(Fate(summary, rules: rules) == fate, "\(reason)")
            let run = CompareField.Run(CompareFixture.conditions([summary]), [summary], plans: [], rules: rules)
            #expect(run.trials.map(\.fate) == [fate], "\(reason)")
        }
    }

    @Test func `what a rule says before its policy's own words hides nothing of them`() throws {
        let trees: [JSON] = [
            ["when": "spend > $0.10", "message": "Too dear; stop"],
            ["all": [["wall": "10m"], ["when": "spend > $0.10"]], "message": "Enough"],
            ["when": "output_files == 0", "message": "spend"],
        ]
        let rules = try trees.map { try PolicyRule(reader: TreeReader($0, path: "eject")) }
        let fates: [(Verdict.Reason, Fate)] = [
            (.init(policy: "when", message: "spend > $0.10"), .cutOff(.money)),
            (.init(policy: "wall+when", message: "ran for 10m; spend > $0.10"), .cutOff(.time)),
            (.init(policy: "when", message: "output_files == 0"), .failed),
        ]
        for (rule, (reason, fate)) in zip(rules, fates) {
            let told = rule.telling(reason)
            let words = "\(told.policy): \(told.message)"
            let summary = CompareFixture.summary("a", outcome: .ejected, reason: words)
            #expect(words != "\(reason.policy): \(reason.message)" && Fate(summary, rules: rules) == fate, "\(words)")
        }
    }

    @Test func `a hold that was not ended in time is its owner's, whoever had held`() throws {
        var state = TrialState()
        for policy in ["budget_fraction", "loop", "mine"] {
            state.hold = TrialState.Hold(
                reason: "\(policy): too much", policy: policy, since: .zero, limit: .seconds(60))
            let reason = try #require(EjectPolicy.heldTooLong.verdict(for: state, at: .seconds(60)).reason)
            let words = "\(reason.policy): \(reason.message)"
            #expect(Fate(CompareFixture.summary("a", outcome: .ejected, reason: words)) == .cutOff(.owner), "\(words)")
        }
    }

    @Test func `who never began was not seen, who has not ended is cut off so far`() {
        #expect(Fate(CompareFixture.summary("a", outcome: .cancelled, seconds: 0)) == .missing)
        #expect(Fate(CompareFixture.summary("a", outcome: nil, seconds: 0)) == .missing)
        #expect(Fate(CompareFixture.summary("a", outcome: nil)) == .cutOff(.underWay))
    }
}
