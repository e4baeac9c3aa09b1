/// How far trials went on one axis, dollars or seconds, and whether they ended there by themselves or were cut off.
///
/// What was cut off would have gone on, nobody knows how far. It counts for as long as it was there and then leaves, as
/// in Kaplan and Meier (1958), and with two ways to end in Aalen and Johansen (1978).
package struct Endurance: Sendable {
    package enum End: Hashable, Sendable { case completed, failed, cutOff }

    package struct Trial: Hashable, Sendable {
        package var amount: Double
        package var end: End

        package init(_ amount: Double, _ end: End) {
            self.amount = amount
            self.end = end
        }
    }

    package struct Step: Hashable, Sendable {
        package var amount: Double
        /// How many were there until then.
        package var atRisk: Int
        /// The share that has completed by then, and that has not ended by itself by then.
        package var completed: Double
        package var goesOn: Double
    }

    package let trials: [Trial]
    /// Where trials ended by themselves, in rising order.
    package let steps: [Step]

    package init(_ trials: [Trial]) {
        self.trials = trials
        let sorted = trials.sorted { $0.amount < $1.amount }
        var steps: [Step] = []
        var (completed, goesOn) = (0.0, 1.0)
        var index = 0
        while index < sorted.count {
            // Those that end just where another is cut off are taken to end first.
            let amount = sorted[index].amount
            let atRisk = sorted.count - index
            var (completing, failing) = (0, 0)
            while index < sorted.count, sorted[index].amount == amount {
                switch sorted[index].end {
                case .completed: completing += 1
                case .failed: failing += 1
                case .cutOff: break
                }
                index += 1
            }
            guard completing + failing > 0 else { continue }
            completed += goesOn * Double(completing) / Double(atRisk)
            goesOn *= 1 - Double(completing + failing) / Double(atRisk)
            steps.append(Step(amount: amount, atRisk: atRisk, completed: completed, goesOn: goesOn))
        }
        self.steps = steps
    }

    package var isAnyCutOff: Bool { trials.contains { $0.end == .cutOff } }

    /// The share that completes within an amount, or within the most that any trial reached.
    package func completed(within amount: Double = .infinity) -> Double {
        steps.last { $0.amount <= amount }?.completed ?? 0
    }

    /// By which amount half have completed; nil where fewer do.
    package var medianToComplete: Double? { steps.first { $0.completed >= 0.5 - 1e-12 }?.amount }

    /// How far a trial goes on the average until it ends by itself, where none goes further than the bound.
    package func mean(to bound: Double) -> Double {
        guard !trials.isEmpty else { return 0 }
        var (sum, last, height) = (0.0, 0.0, 1.0)
        for step in steps where step.amount < bound {
            sum += (step.amount - last) * height
            (last, height) = (step.amount, step.goesOn)
        }
        return height > 0 && bound.isFinite ? sum + (bound - last) * height : sum
    }

    /// How far the mean can be told: as far as the furthest trial, if that was cut off; else all the way.
    package var reach: Double {
        guard let most = trials.map(\.amount).max() else { return .infinity }
        // Where one ended by itself at the same amount, it is taken to have ended first, and the other still went on.
        return trials.contains { $0.amount == most && $0.end == .cutOff } ? most : .infinity
    }
}

extension Endurance {
    /// Each trial's share in an estimate, as Andersen and others (2003) have it: what the estimate of all has more than
    /// that of the others. Where nothing is cut off it is the trial's own value.
    private func pseudo(own: (Trial) -> Double, of estimate: (Endurance) -> Double) -> [Double] {
        guard isAnyCutOff, trials.count > 1 else { return isAnyCutOff ? [estimate(self)] : trials.map(own) }
        let (count, whole) = (Double(trials.count), estimate(self))
        return trials.indices.map { count * whole - (count - 1) * estimate(others(than: $0)) }
    }

    /// Where the furthest is the only one that was seen to its end behind a cut-off, nobody else tells how the others
    /// would have gone on: they are taken to end as it did. Without an end they would lose all that lies behind the
    /// cut-off, and it would be worth more than any trial can be.
    private func others(than index: Int) -> Endurance {
        var others = trials
        let trial = others.remove(at: index)
        let rest = Endurance(others)
        guard trial.end != .cutOff, rest.reach < trial.amount else { return rest }
        return Endurance(others.map { $0.end == .cutOff && $0.amount == rest.reach ? trial : $0 })
    }

    /// Their mean is near `completed(within:)`; without cut-offs 1 of what completed by then, else 0.
    package func completions(within amount: Double = .infinity) -> [Double] {
        pseudo(
            own: { $0.end == .completed && $0.amount <= amount ? 1 : 0 }, of: { $0.completed(within: amount) })
    }

    /// Their mean is near `mean(to:)`; without cut-offs the amounts.
    package func amounts(to bound: Double) -> [Double] {
        pseudo(own: { min($0.amount, bound) }, of: { $0.mean(to: bound) })
    }
}
