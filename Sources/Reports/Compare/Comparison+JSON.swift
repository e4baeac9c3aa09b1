package import PreflightCore

/// A comparison for programs. Amounts that were paid are exact decimals; estimates are numbers.
extension Comparison {
    package var json: JSON {
        .record([
            "runs": .strings(runs), "by": .string(settings.grouping.rawValue),
            "metric": .string(settings.metric.rawValue), "meaning": .string(settings.metric.meaning),
            "counted_up_to": reach.map(Decimals.json), "confidence": Decimals.json(settings.confidence),
            "resamples": .int(settings.bootstrap.resamples), "seed": .number(String(settings.bootstrap.seed)),
            "alike": .bool(likeness.isAlike), "stamp": stamp.map(JSON.string),
            "unlike": likeness.isAlike ? nil : .array(likeness.differences.map(\.json)),
            "notes": likeness.notes.isEmpty ? nil : .strings(likeness.notes),
            "comparisons": .int(comparisons), "pairs_needed": pairsNeeded.map(JSON.int),
            "baseline": .string(arms[baseline].name),
            "arms": .array(arms.indices.map(arm)),
        ])
    }

    private func arm(_ index: Int) -> JSON {
        let (arm, spending) = (arms[index], arms[index].spending)
        return .record([
            "name": .string(arm.name), "rank": arm.ranks.map { .array([.int($0.lowerBound), .int($0.upperBound)]) },
            "trials": .int(arm.trials.count), "seen": .int(arm.seen.count), "completed": .int(arm.completed),
            "failed": .int(arm.failed), "missing": .int(arm.missing), "cut_off": .int(arm.cutOff),
            "cut_off_by": arm.cutOff == 0
                ? nil
                : .object(
                    JSON.Object(
                        Fate.CutOff.allCases.filter { arm.cutOff($0) > 0 }.map {
                            .init(key: $0.rawValue, value: .int(arm.cutOff($0)))
                        })),
            "completed_share": share(of: arm)?.json, "estimate": arm.estimate.map(Decimals.json),
            "interval": arm.interval?.json,
            "scored": .int(arm.scored.count), "score": arm.meanScore.map(Decimals.json),
            "score_interval": arm.scoreInterval?.json, "score_per_usd": arm.scorePerDollar.map(Decimals.json),
            "score_per_usd_interval": arm.scorePerDollarInterval?.json,
            "spent_usd": .usd(arm.spent), "mean_cost_usd": arm.meanCost.map(JSON.usd),
            "cost_per_completed_usd": arm.costPerCompleted.map(JSON.usd),
            "seen_to_usd": spending.reach.isFinite ? Decimals.json(spending.reach) : nil,
            "half_completed_by_usd": spending.medianToComplete.map(Decimals.json),
            "mean_to_the_end_usd": arm.seen.isEmpty ? nil : Decimals.json(arm.costs.mean(to: costReach)),
            "completed_by_spend": .array(
                spending.steps.map { step in
                    .record([
                        "usd": Decimals.json(step.amount), "at_risk": .int(step.atRisk),
                        "completed": Decimals.json(step.completed), "goes_on": Decimals.json(step.goesOn),
                    ])
                }),
            "difference": difference(of: index).map(json),
            "units": .array(arm.trials.map(\.json)),
        ])
    }

    private func json(_ difference: CompareDifference) -> JSON {
        .record([
            "from": .string(arms[baseline].name), "pairs": .int(difference.values.count),
            "within_usd": difference.within.map(Decimals.json),
            "estimate": difference.estimate.map(Decimals.json), "interval": interval(of: difference)?.json,
            "p": difference.values.isEmpty ? nil : Decimals.json(difference.p),
            "told_apart": .bool(difference.isToldApart(settings.confidence)),
        ])
    }

    /// A line for each arm.
    package var csv: String {
        let header = [
            "rank_best", "rank_worst", settings.grouping.rawValue, "trials", "seen", "completed", "failed", "cut_off",
            "missing", "completed_share_low", "completed_share_high", "metric", "estimate", "low", "high", "score",
            "score_low", "score_high", "score_per_usd", "spent_usd", "mean_cost_usd", "cost_per_completed_usd",
            "baseline", "pairs", "difference", "difference_low", "difference_high", "p", "told_apart", "confidence",
            "seed", "resamples", "alike", "unlike",
        ]
        func words(_ value: Double?) -> String { value.flatMap { Decimals.json($0).numberText } ?? "" }
        return CSV.line(header)
            + arms.indices.map { index in
                let (arm, difference) = (arms[index], difference(of: index))
                let share = self.share(of: arm)
                let interval = difference.flatMap { self.interval(of: $0) }
                var fields = [
                    arm.ranks.map { String($0.lowerBound) } ?? "", arm.ranks.map { String($0.upperBound) } ?? "",
                ]
                fields += [arm.name]
                fields += [arm.trials.count, arm.seen.count, arm.completed, arm.failed, arm.cutOff, arm.missing].map {
                    String($0)
                }
                fields += [words(share?.low), words(share?.high), settings.metric.rawValue, words(arm.estimate)]
                fields += [words(arm.interval?.low), words(arm.interval?.high), words(arm.meanScore)]
                fields += [words(arm.scoreInterval?.low), words(arm.scoreInterval?.high), words(arm.scorePerDollar)]
                fields += [
                    arm.spent.decimalText, arm.meanCost?.decimalText ?? "", arm.costPerCompleted?.decimalText ?? "",
                ]
                fields += [
                    arms[baseline].name, difference.map { String($0.values.count) } ?? "", words(difference?.estimate),
                    words(interval?.low), words(interval?.high),
                    words(difference.flatMap { $0.values.isEmpty ? nil : $0.p }),
                    difference.map { String($0.isToldApart(settings.confidence)) } ?? "",
                ]
                fields += [
                    words(settings.confidence), String(settings.bootstrap.seed), String(settings.bootstrap.resamples),
                    String(likeness.isAlike), likeness.subjects,
                ]
                return CSV.line(fields)
            }.joined()
    }
}

extension Interval {
    var json: JSON { .array([Decimals.json(low), Decimals.json(high)]) }
}

extension Likeness.Difference {
    var json: JSON {
        .record([
            "what": .string(what),
            "values": .array(
                values.map {
                    .record(["value": $0.text.map(JSON.string) ?? .null, "places": .strings($0.places)])
                }),
        ])
    }
}

extension ComparedTrial {
    var json: JSON {
        var cause: String?
        if case .cutOff(let found) = fate { cause = found.rawValue }
        return .record([
            "run": .string(run), "alias": .string(alias), "model": .string(source.model),
            "upstream": source.upstream.map(JSON.string), "repetition": .int(repetition),
            "fate": .string(fate.name), "cut_off_by": cause.map(JSON.string), "cost_usd": .usd(cost),
            "runtime_s": .number(runtime.decimalSeconds(places: 3)), "tokens": .int(tokens),
            "score": score.map(Decimals.json),
        ])
    }
}

extension Fate {
    var name: String {
        switch self {
        case .completed: "completed"
        case .failed: "failed"
        case .cutOff: "cut_off"
        case .missing: "missing"
        }
    }
}
