import PreflightCore
import Reports
import Testing

@Suite struct EnduranceTests {
    private func isNear(_ a: Double, _ b: Double, _ slack: Double = 1e-9) -> Bool { abs(a - b) <= slack }

    /// Freireich and others (1963), weeks in remission with 6-MP, as every textbook on Kaplan and Meier has them.
    private let remission = Endurance(
        [(6, 3, 1), (7, 1, 0), (9, 0, 1), (10, 1, 1), (11, 0, 1), (13, 1, 0), (16, 1, 0), (17, 0, 1), (19, 0, 1)]
            .flatMap { amount, ends, cutOff in
                [Endurance.Trial](repeating: .init(Double(amount), .completed), count: ends)
                    + [Endurance.Trial](repeating: .init(Double(amount), .cutOff), count: cutOff)
            }
            + [20, 32, 32, 34, 35, 25].map { .init($0, .cutOff) }
            + [22, 23].map { .init($0, .completed) })

    @Test func `Kaplan and Meier's curve is the one of the textbooks`() {
        let expected = [
            (6.0, 21, 0.8571), (7, 17, 0.8067), (10, 15, 0.7529), (13, 12, 0.6902), (16, 11, 0.6275), (22, 7, 0.5378),
            (23, 6, 0.4482),
        ]
        #expect(remission.trials.count == 21)
        #expect(remission.steps.count == expected.count)
        for (step, (amount, atRisk, goesOn)) in zip(remission.steps, expected) {
            #expect(step.amount == amount && step.atRisk == atRisk)
            #expect(isNear(step.goesOn, goesOn, 0.0001), "\(step)")
            #expect(isNear(step.completed, 1 - step.goesOn), "with one way to end, the rest has completed")
        }
        #expect(remission.medianToComplete == 23)
        #expect(isNear(remission.completed(within: 10), 1 - 0.7529, 0.0001))
        #expect(remission.completed(within: 5) == 0)
    }

    @Test func `a failed trial is not one that was cut off`() {
        // Of four at $1: one fails. The others complete: 3 of 4, though nobody was left.
        let failed = Endurance([.init(1, .failed), .init(2, .completed), .init(3, .completed), .init(4, .completed)])
        #expect(isNear(failed.completed(), 0.75))
        // Cut off there, it might have completed as the others did.
        let cut = Endurance([.init(1, .cutOff), .init(2, .completed), .init(3, .completed), .init(4, .completed)])
        #expect(isNear(cut.completed(), 1))
        #expect(isNear(cut.completed(within: 2), 1.0 / 3))
    }

    @Test func `what is cut off behind all others has not completed by then`() {
        let last = Endurance([.init(1, .completed), .init(2, .completed), .init(5, .cutOff), .init(5, .cutOff)])
        #expect(isNear(last.completed(), 0.5))
        #expect(last.medianToComplete == 2)
        #expect(Endurance([.init(5, .cutOff)]).medianToComplete == nil)
        #expect(last.reach == 5)
    }

    @Test func `two ways to end share the trials that were there, by hand`() {
        let both = Endurance([
            .init(1, .completed), .init(2, .failed), .init(3, .cutOff), .init(4, .completed), .init(5, .cutOff),
        ])
        // 1/5; then 4/5 go on, a quarter of them fails: 3/5; one leaves; of two one completes: 3/5 x 1/2.
        #expect(both.steps.map(\.atRisk) == [5, 4, 2])
        #expect(isNear(both.completed(), 0.2 + 0.3))
        #expect(isNear(both.steps.last?.goesOn ?? 0, 0.3))
        // The area below 1, 4/5, 3/5, 3/10 up to 5.
        #expect(isNear(both.mean(to: 5), 1 + 0.8 + 2 * 0.6 + 0.3))
        #expect(isNear(both.mean(to: 2), 1 + 0.8))
    }

    @Test func `without cut-offs the mean is the mean, and each trial stands for itself`() {
        let trials: [Endurance.Trial] = [.init(1, .completed), .init(2, .failed), .init(6, .completed)]
        let all = Endurance(trials)
        #expect(all.reach == .infinity)
        #expect(isNear(all.mean(to: .infinity), 3))
        #expect(all.completions() == [1, 0, 1])
        #expect(all.amounts(to: .infinity) == [1, 2, 6])
        #expect(all.completions(within: 3) == [1, 0, 0] && all.amounts(to: 3) == [1, 2, 3])
    }

    /// Andersen and others: the pseudo-values of an estimate that is nearly linear have it as their mean.
    @Test func `with cut-offs each trial's share is what the whole has more than the others`() throws {
        let trials: [Endurance.Trial] = [
            .init(1, .completed), .init(2, .cutOff), .init(3, .completed), .init(4, .failed), .init(5, .cutOff),
        ]
        let all = Endurance(trials)
        let completions = all.completions()
        #expect(completions.count == 5)
        for index in trials.indices {
            var others = trials
            others.remove(at: index)
            let expected = 5 * all.completed() - 4 * Endurance(others).completed()
            #expect(isNear(completions[index], expected))
        }
        #expect(isNear(try #require(completions.mean), all.completed(), 0.05))
        #expect(isNear(try #require(all.amounts(to: 5).mean), all.mean(to: 5), 0.2))
        // Who was cut off early is neither a success nor a failure.
        #expect(completions[1] > 0.1 && completions[1] < 0.9, "\(completions)")
    }

    /// Nobody else tells what lies behind the cut-off; without it the others would lose that, and the trial gain it.
    @Test func `the furthest that ended behind a cut-off is worth what it is`() throws {
        let all = Endurance([
            .init(1, .completed), .init(2, .completed), .init(3, .completed), .init(8, .cutOff), .init(10, .completed),
        ])
        #expect(isNear(all.completed(), 1) && isNear(all.mean(to: .infinity), 5.2))
        for (found, expected) in zip(all.completions(), [1.0, 1, 1, 1, 1]) {
            #expect(isNear(found, expected), "\(all.completions())")
        }
        for (found, expected) in zip(all.amounts(to: .infinity), [1.0, 2, 3, 10, 10]) {
            #expect(isNear(found, expected), "\(all.amounts(to: .infinity))")
        }
        // However it ended, and whoever left before: the mean of all shares is the estimate.
        for end in [Endurance.End.completed, .failed] {
            let mixed = Endurance([
                .init(1, .completed), .init(2, .cutOff), .init(3, .failed), .init(8, .cutOff), .init(8, .cutOff),
                .init(10, end),
            ])
            #expect(isNear(try #require(mixed.completions().mean), mixed.completed()))
            #expect(isNear(try #require(mixed.amounts(to: .infinity).mean), mixed.mean(to: .infinity)))
        }
    }

    /// What matters: a field in which money stops half of the trials is not told to complete half as often.
    @Test func `cutting trials off at random leaves the share that completes where it was`() {
        var random = SplitMix64(seed: 11)
        func even() -> Double { Double(random.next() >> 11) / Double(1 << 53) }
        var (told, naive) = ([Double](), [Double]())
        for _ in 0..<200 {
            let trials = (0..<30).map { _ -> Endurance.Trial in
                let (end, bound) = (even(), even() * 1.5)
                let completes = even() < 0.6
                return end < bound ? .init(end, completes ? .completed : .failed) : .init(bound, .cutOff)
            }
            told.append(Endurance(trials).completed())
            naive.append(Double(trials.count { $0.end == .completed }) / 30)
        }
        #expect(isNear(told.mean ?? 0, 0.6, 0.05), "\(told.mean ?? 0)")
        #expect((naive.mean ?? 1) < 0.45, "taken as failed they would hide a third of it: \(naive.mean ?? 1)")
    }
}
