import PreflightCore
import Testing

@Suite struct LeaderboardTests {
    private func trial(
        _ alias: String, _ model: String, _ score: Double?, cents: Int64 = 1, _ outcome: Outcome? = .completed,
        scorer: String = "s"
    ) -> TrialSummary {
        var summary = TrialSummary(plan: TrialPlan(alias: alias, model: model, budget: USD(cents: 50)))
        summary.outcome = outcome
        summary.cost = USD(cents: cents)
        summary.score = TrialScore(
            value: score, error: score == nil ? "exit code 1" : nil, scorer: scorer, at: Timestamp(seconds: 1))
        return summary
    }

    @Test func `models stand by their mean, with spread, cost and score per dollar`() throws {
        let board = Leaderboard([
            trial("a", "good", 0.8, cents: 10), trial("a-2", "good", 0.6, cents: 30),
            trial("b", "cheap", 0.5, cents: 1, .budgetExhausted), trial("c", "none", nil),
            trial("b-2", "cheap", nil, cents: 7), trial("b-3", "cheap", 0.1, cents: 1, .ejected),
            trial("d", "good", 1, nil),
        ])
        #expect(board.rows.map(\.source.model) == ["good", "cheap", "none"])
        #expect(board.rows.map(\.rank) == [1, 2, nil])
        let good = try #require(board.rows.first)
        #expect(good.trials == 2, "one has not ended")
        #expect(abs((good.mean ?? 0) - 0.7) < 1e-12 && abs((good.spread ?? 0) - 0.02.squareRoot()) < 1e-12)
        #expect(good.meanCost == USD(cents: 20) && abs((good.perDollar ?? 0) - 3.5) < 1e-12)
        let cheap = board.rows[1]
        #expect(cheap.trials == 3 && cheap.scores == [0.1, 0.5] && cheap.stopped == 2 && cheap.overBudget == 1)
        // What was not scored is not paid for in the ratio.
        #expect(cheap.cost == USD(cents: 2) && cheap.aliases == ["b", "b-3"])
        #expect(board.rows[2].mean == nil && board.rows[2].spread == nil && board.rows[2].perDollar == nil)
    }

    @Test func `ties are ties, whatever the order of their sums, and the rank behind them counts them`() {
        let board = Leaderboard([
            trial("x", "x", 0.1), trial("x-2", "x", 0.2), trial("x-3", "x", 0.3),
            trial("y", "y", 0.3, cents: 2), trial("y-2", "y", 0.1, cents: 2), trial("y-3", "y", 0.2, cents: 2),
            trial("z", "z", 0.1), trial("w", "w", 0.9),
        ])
        #expect(board.rows.map(\.source.model) == ["w", "x", "y", "z"])
        #expect(board.rows.map(\.rank) == [1, 2, 2, 4])
        #expect(Leaderboard([trial("z", "z", 0), trial("n", "n", -0.0)]).rows.map(\.rank) == [1, 1])
    }

    @Test func `free trials have no score per dollar, and huge scores no figure that is not finite`() throws {
        let board = Leaderboard([
            trial("f", "free", 1, cents: 0), trial("h", "huge", 1.5e308), trial("i", "huge", -1.5e308),
        ])
        let free = try #require(board.rows.first { $0.source.model == "free" })
        #expect(free.perDollar == nil && free.spread == nil)
        let huge = try #require(board.rows.first { $0.source.model == "huge" })
        #expect(huge.mean == 0 && huge.spread == nil)
        #expect(try JSON.parse(huge.json.text)["mean_score"]?.real == 0)
    }

    @Test func `scores of several scorers are told apart, and nothing scored is empty`() {
        #expect(Leaderboard([trial("a", "a", 1, scorer: "x"), trial("b", "b", 1, scorer: "y")]).scorers == ["x", "y"])
        #expect(Leaderboard([trial("a", "a", nil)]).isEmpty && Leaderboard([]).isEmpty)
        var unscored = trial("a", "a", 1)
        unscored.score = nil
        #expect(Leaderboard([unscored]).isEmpty && Leaderboard([unscored]).scorers.isEmpty)
    }
}
