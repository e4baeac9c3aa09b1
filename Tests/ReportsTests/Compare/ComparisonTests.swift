import PreflightCore
import Reports
import Testing

@Suite struct ComparisonTests {
    private typealias Fixture = CompareFixture

    /// Eight repetitions: `a` scores 0.3 more than `b`, give or take the same for both.
    private func field(_ count: Int = 8) -> [TrialSummary] {
        (1...count).flatMap { repetition in
            let luck = Double(repetition) / 20
            return [
                Fixture.summary("a", repetition, cents: 2, score: 0.5 + luck + (repetition % 2 == 0 ? 0.01 : 0)),
                Fixture.summary("b", repetition, cents: 1, score: 0.2 + luck),
            ]
        }
    }

    @Test func `pairs tell apart what means alone could not`() throws {
        let comparison = try Fixture.comparison([Fixture.run(field())], .score)
        #expect(comparison.arms.map(\.name) == ["a", "b"])
        #expect(comparison.arms.map(\.ranks) == [1...1, 2...2])
        // The luck of a repetition, which both have, is in the arms' intervals and not in the difference's.
        let (a, b) = (try #require(comparison.arms[0].interval), try #require(comparison.arms[1].interval))
        let difference = try #require(comparison.difference(of: 1))
        let interval = try #require(comparison.interval(of: difference))
        #expect(
            interval.high - interval.low < (a.high - a.low) / 5 && interval.high - interval.low < (b.high - b.low) / 5)
        #expect(abs((difference.estimate ?? 0) + 0.305) < 1e-9 && interval.contains(-0.305))
        #expect(difference.values.count == 8 && difference.p == 2.0 / 256)
        #expect(abs((comparison.arms[1].scorePerDollar ?? 0) - (0.2 + 0.225) / 0.01) < 1e-9)
    }

    @Test func `the page is one file with the tables and pictures, and says what was not run alike`() throws {
        var dear = field()
        for index in dear.indices { dear[index].budget = USD(cents: 50) }
        let alike = try Fixture.comparison([Fixture.run(field())], .score).html
        #expect(isWellFormed(alike) && !alike.contains("NOT RUN ALIKE"))
        for part in ["Ranking", "Differences from a", "Completed within", "estimates-wide", "completion-narrow"] {
            #expect(alike.contains(part), "\(part)")
        }
        let other = try Fixture.comparison([Fixture.run(field()), Fixture.run(dear, run: "run-2")], .cost).html
        #expect(isWellFormed(other) && other.contains("NOT RUN ALIKE"))
    }

    @Test func `with few repetitions nothing is told apart, and the ranks say so`() throws {
        let comparison = try Fixture.comparison([Fixture.run(field(5))], .score)
        #expect(comparison.arms.map(\.ranks) == [1...2, 1...2])
        #expect(comparison.difference(of: 1)?.p == 2.0 / 32)
        #expect(comparison.pairsNeeded == 6)
        #expect(comparison.text.contains("1–2") && comparison.text.contains("not told apart"))
        let two = try Fixture.comparison([Fixture.run(field(2))], .score)
        #expect(two.arms.allSatisfy { $0.interval == nil } && two.text.contains("too few"))
    }

    @Test func `what is missing in one arm is no pair, and counts in no share`() throws {
        var trials = field()
        trials[0].outcome = .dockerFailed
        trials[3].outcome = .lost
        let comparison = try Fixture.comparison([Fixture.run(trials)], .completed)
        let a = try #require(comparison.arms.first { $0.name == "a" })
        #expect(a.trials.count == 8 && a.seen.count == 7 && a.missing == 1 && a.completed == 7 && a.failed == 0)
        #expect(comparison.difference(of: 1)?.values.count == 6)
        #expect(a.meanCost == USD(cents: 2), "what it cost is not the arm's either")
    }

    @Test func `a trial that money stopped is neither completed nor failed`() throws {
        let trials = (1...6).flatMap { repetition in
            [
                Fixture.summary("a", repetition, outcome: repetition > 3 ? .budgetExhausted : .completed, cents: 10),
                Fixture.summary("b", repetition, outcome: repetition > 3 ? .agentFailed : .completed, cents: 10),
            ]
        }
        let comparison = try Fixture.comparison([Fixture.run(trials)], .completed)
        let a = try #require(comparison.arms.first { $0.name == "a" })
        let b = try #require(comparison.arms.first { $0.name == "b" })
        #expect(a.completed == 3 && a.failed == 0 && a.cutOff == 3 && a.cutOff(.money) == 3)
        #expect(b.completed == 3 && b.failed == 3 && b.cutOff == 0)
        let json = comparison.json
        let shares = json["arms"]?.array?.map { ($0["name"]?.string, $0["completed_share"]?.array?.compactMap(\.real)) }
        let share = try #require(shares?.first { $0.0 == "a" }?.1)
        #expect(abs(share[1] - 1) < 1e-9 && share[0] < 0.2, "it may be all of them: \(share)")
        #expect(comparison.text.contains("3–6 of 6") && comparison.text.contains("3 of 6"))
        #expect(comparison.text.contains(" 3m "))
    }

    /// Cut off cheaply, the cheap failures would look dear: what a trial costs until its end is what is asked.
    @Test func `costs are held against each other as far as all were seen`() throws {
        let trials = (1...6).flatMap { repetition in
            [
                Fixture.summary("a", repetition, cents: 4 + Int64(repetition)),
                Fixture.summary(
                    "b", repetition, outcome: repetition == 6 ? .ejected : .completed, reason: "budget_fraction: x",
                    cents: repetition == 6 ? 8 : 2),
            ]
        }
        let comparison = try Fixture.comparison([Fixture.run(trials)], .cost)
        #expect(comparison.reach == 0.08)
        #expect(comparison.arms[0].name == "b", "less is better")
        // (5 x 2 + 8) / 6 cents; 5, 6, 7, 8, and 8 twice where it is counted up to 8 alone.
        #expect(abs((comparison.arms[0].estimate ?? 0) - 0.03) < 1e-9)
        #expect(abs((comparison.arms[1].estimate ?? 0) - 0.07) < 1e-9)
        #expect(comparison.text.contains("counted up to $0.08"))
    }

    @Test func `who was cut off early is not told to complete less often`() throws {
        let trials = (1...8).flatMap { repetition in
            [
                Fixture.summary("a", repetition, cents: 10),
                Fixture.summary("b", repetition, outcome: .ejected, reason: "budget_fraction: 10%", cents: 1),
                Fixture.summary("c", repetition, outcome: .budgetExhausted, cents: 20),
                Fixture.summary("d", repetition, outcome: .agentFailed, cents: 2),
            ]
        }
        let comparison = try Fixture.comparison([Fixture.run(trials)], .completed, baseline: "a")
        func arm(_ name: String) throws -> Int { try #require(comparison.arms.firstIndex { $0.name == name }) }
        let (b, c, d) = (try arm("b"), try arm("c"), try arm("d"))
        // Within the cent that `b` was let go, `a` had not completed either.
        let early = try #require(comparison.difference(of: b))
        #expect(early.within == 0.01 && early.values == [Double](repeating: 0, count: 8) && early.p == 1)
        // `c` had its whole budget, though its last cents paid for no call; `d` failed by itself.
        let whole = try #require(comparison.difference(of: c))
        #expect(whole.within == 0.25 && whole.estimate == -1 && whole.isToldApart(0.95))
        #expect(comparison.difference(of: d)?.within == nil && comparison.difference(of: d)?.estimate == -1)
        #expect(comparison.arms[0].ranks == 1...2, "`b` may be as good")
        #expect(comparison.arms[b].ranks == 1...4)
        #expect(comparison.text.contains("≥0%"))
    }

    @Test func `with three arms the p values account for three comparisons`() throws {
        let trials = (1...6).flatMap { repetition in
            ["a", "b", "c"].enumerated().map {
                Fixture.summary($0.element, repetition, score: Double($0.offset) + Double(repetition * $0.offset) / 100)
            }
        }
        let comparison = try Fixture.comparison([Fixture.run(trials)], .score, baseline: "a")
        #expect(comparison.comparisons == 3 && comparison.pairsNeeded == 7)
        #expect(comparison.arms.map(\.name) == ["c", "b", "a"] && comparison.baseline == 2)
        #expect(comparison.difference(of: 0)?.p == 3 * 2.0 / 64)
        #expect((comparison.difference(of: 0)?.estimate ?? 0) > 2)
        #expect(comparison.arms.map(\.ranks) == [1...3, 1...3, 1...3])
    }

    @Test func `where the usual draws could tell nothing apart more are drawn, and where none can it is said`() throws {
        let trials = (1...20).flatMap { repetition in
            ["a", "b", "c"].enumerated().map {
                Fixture.summary($0.element, repetition, score: Double($0.offset) + Double(repetition * $0.offset) / 100)
            }
        }
        let sure = try Fixture.comparison([Fixture.run(trials)], .score, confidence: 0.9999)
        #expect(sure.pairsNeeded == 16 && sure.arms.map(\.ranks) == [1...1, 2...2, 3...3])
        let never = try Fixture.comparison([Fixture.run(field())], .score, confidence: 0.999_999_9)
        #expect(never.pairsNeeded == nil && never.json["pairs_needed"] == nil)
        #expect(never.text.contains("which no number of pairs can reach"))
    }

    @Test func `scores at the end of their range make no certainty`() throws {
        let trials = (1...6).flatMap { repetition in
            [Fixture.summary("a", repetition, score: 1.7e308), Fixture.summary("b", repetition, score: -1.7e308)]
        }
        let comparison = try Fixture.comparison([Fixture.run(trials)], .score)
        #expect(comparison.arms.map(\.ranks) == [1...2, 1...2])
        #expect(comparison.difference(of: 1)?.p == 1)
        #expect(comparison.json["arms"]?[1]?["difference"]?["told_apart"] == false)
        #expect(comparison.arms.allSatisfy { $0.estimate?.isFinite == true && $0.scorePerDollar == nil })
        #expect(isWellFormed(comparison.html) && comparison.text.contains("not told apart"))
    }

    @Test func `what completed for more than its cap completed within it, in every output`() throws {
        let cap = USD(cents: 5)
        var trials = (1...5).flatMap { repetition in
            [
                Fixture.summary("a", repetition, cents: 4, budget: cap),
                Fixture.summary("b", repetition, outcome: .budgetExhausted, cents: 5, budget: cap),
            ]
        }
        // Its last call came to more than was thought.
        trials[8].cost = USD(picodollars: 50_300_000_000)
        let comparison = try Fixture.comparison([Fixture.run(trials)], .completed)
        let a = comparison.arms[0]
        #expect(a.name == "a" && a.completed == 5 && a.estimate == 1)
        #expect(comparison.text.contains("5 of 5") && !comparison.text.contains("80%"), "\(comparison.text)")
        let last = comparison.json["arms"]?[0]?["completed_by_spend"]?.array?.last
        #expect(last?["usd"]?.real == 0.05 && last?["completed"]?.real == 1)
        let difference = try #require(comparison.difference(of: 1))
        #expect(difference.within == 0.05 && difference.estimate == -1, "it is held against it within the cap")
        #expect(a.costs.trials.map(\.amount).max() == 0.0503, "what it cost is another thing")
    }

    @Test func `scores are ranked by where two arms have some, and who has none is named`() throws {
        func metric(
            _ runs: [CompareField.Run], _ grouping: Comparison.Grouping = .model, _ wanted: [String] = []
        ) throws -> CompareMetric {
            try CompareField(runs, grouping: grouping, metric: nil, wanted: wanted).metric
        }
        let run = Fixture.run(field(2) + [Fixture.summary("c"), Fixture.summary("d")])
        #expect(try metric([run]) == .score)
        #expect(try metric([run], .model, ["c", "d"]) == .completed)
        #expect(try metric([run], .model, ["a", "c"]) == .completed)
        var before = field(2)
        for index in before.indices { before[index].score = nil }
        #expect(try metric([Fixture.run(before), Fixture.run(field(2), run: "run-2")], .run) == .completed)
        let error = #expect(throws: PreflightError.self) {
            try CompareField([run], grouping: .model, metric: .score, wanted: ["a", "c", "d"])
        }
        #expect(error?.message == "no trial of c, d has a score")
    }

    @Test func `a dollar buys points of the scored trials, and the legend says whose`() throws {
        var trials = field()
        trials[0].score = nil
        trials[0].cost = USD(cents: 20)
        let comparison = try Fixture.comparison([Fixture.run(trials)], .score)
        let a = try #require(comparison.arms.first { $0.name == "a" })
        #expect(a.meanCost == USD(picodollars: 42_500_000_000), "(7 x 2 + 20) / 8 cents")
        #expect(abs((a.scorePerDollar ?? 0) - (a.meanScore ?? 0) / 0.02) < 1e-9)
        #expect(comparison.text.contains("score/$: mean score over mean paid, both of the scored trials"))
    }

    @Test func `models are pooled over runs, and paired within each`() throws {
        let second = field().map { trial in
            var trial = trial
            trial.score = TrialScore(value: (trial.score?.value ?? 0) / 2, scorer: "s1", at: Timestamp(seconds: 0))
            return trial
        }
        let comparison = try Fixture.comparison(
            [Fixture.run(field()), Fixture.run(second, run: "run-2")], .score)
        #expect(comparison.likeness.isAlike, "\(comparison.likeness.differences)")
        #expect(comparison.difference(of: 1)?.values.count == 16)
        #expect(comparison.arms[0].trials.count == 16)
    }

    @Test func `a run is held against another model by model`() throws {
        let before = field()
        let after = field().filter { $0.model == "a" } + [Fixture.summary("c", score: 1)]
        let comparison = try Fixture.comparison(
            [Fixture.run(before), Fixture.run(after, run: "run-2")], .score, by: .run)
        #expect(Set(comparison.arms.map(\.name)) == ["run-1", "run-2"])
        #expect(comparison.difference(of: 1)?.values == [Double](repeating: 0, count: 8))
        #expect(comparison.likeness.notes == ["left out, since not every run has it: b, c"])
        #expect(comparison.text.contains("no spread"))
    }

    @Test func `a run that has no trial among those asked for need not be like the others`() throws {
        let runs = [
            Fixture.run(field()), Fixture.run([Fixture.summary("c")], run: "run-2", experiment: nil),
        ]
        #expect(try !CompareField(runs, grouping: .model, metric: .completed).likeness.isAlike)
        let asked = try CompareField(runs, grouping: .model, metric: .completed, wanted: ["a", "b"])
        #expect(asked.likeness.isAlike && asked.runs == ["run-1"], "\(asked.likeness.differences)")
    }

    @Test func `what cannot be compared is said`() {
        func refusal(_ runs: [CompareField.Run], _ grouping: Comparison.Grouping = .model, _ wanted: [String] = [])
            -> String
        {
            do throws(PreflightError) {
                _ = try CompareField(runs, grouping: grouping, metric: .completed, wanted: wanted)
                return ""
            } catch { return "\(error)" }
        }
        #expect(refusal([Fixture.run([Fixture.summary("a")])]).contains("there is nothing to compare a with"))
        #expect(refusal([Fixture.run(field())], .run).contains("name two or more runs"))
        let other = Fixture.run([Fixture.summary("c")], run: "run-2")
        #expect(refusal([Fixture.run([Fixture.summary("a")]), other], .run).contains("no model in common"))
        #expect(refusal([Fixture.run(field())], .model, ["z", "a"]).contains("there is no arm 'z'"))
        #expect(refusal([], .model).contains("nothing to compare"))
    }

    @Test func `every output of what was not alike is stamped, and none of what was`() throws {
        var trials = field()
        trials[1].budget = USD(cents: 50)
        let unlike = try Fixture.comparison([Fixture.run(trials)], .score)
        let alike = try Fixture.comparison([Fixture.run(field())], .score)
        let stamp = "NOT RUN ALIKE, ranked all the same: budget differ"
        #expect(unlike.text.contains(stamp) && unlike.markdown.contains(stamp))
        #expect(unlike.text.contains("budget: $0.25 (run-1/a"))
        #expect(unlike.json["alike"] == false && unlike.json["stamp"]?.string == stamp)
        #expect(unlike.json["unlike"]?[0]?["what"] == "budget")
        #expect(unlike.csv.split(separator: "\n").dropFirst().allSatisfy { $0.hasSuffix(",false,budget") })
        #expect(!alike.text.contains("ALIKE") && !alike.markdown.contains("ALIKE"))
        #expect(alike.json["alike"] == true && alike.json["stamp"] == nil)
        #expect(alike.csv.split(separator: "\n").dropFirst().allSatisfy { $0.hasSuffix(",true,") })
    }

    @Test func `the same record prints the same, and the seed stands in it`() throws {
        let first = try Fixture.comparison([Fixture.run(field())], .score)
        let second = try Fixture.comparison([Fixture.run(field())], .score)
        #expect(first.text == second.text && first.json == second.json && first.csv == second.csv)
        #expect(first.json["seed"]?.int == 1 && first.json["resamples"]?.int == 1000)
        #expect(first.text.contains("1000 resamples, seed 1"))
        // Each line has as many fields as the first.
        let lines = first.csv.split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false).count
        }
        #expect(Set(lines).count == 1 && lines.count == 3, "\(lines)")
        #expect(try JSON.parse(first.json.prettyText) == first.json)
    }

    @Test func `dollars that were paid are exact sums`() throws {
        var trials = field(3)
        trials[0].cost = USD(picodollars: 1)
        let comparison = try Fixture.comparison([Fixture.run(trials)], .completed)
        let a = try #require(comparison.arms.first { $0.name == "a" })
        #expect(a.spent == USD(cents: 4) + USD(picodollars: 1))
        // Rounded up, as all that may be owed is.
        #expect(a.meanCost == USD(picodollars: 13_333_333_334))
        #expect(a.costPerCompleted == a.meanCost)
    }
}
