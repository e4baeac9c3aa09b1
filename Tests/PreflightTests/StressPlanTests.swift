import PreflightCore
import Testing

@testable import Preflight

/// What of the suite needs no run: its plan, its promises, its table.
@Suite struct StressPlanTests {
    private func plan(_ seed: UInt64, long: Bool = false, only: [String] = []) throws -> StressPlan {
        try StressPlan.make(seed: seed, nonce: "n", isLong: long, only: only)
    }

    @Test func `the same seed breaks the same things`() throws {
        #expect(try plan(7).items == plan(7).items)
        #expect(try (1...20).contains { try plan($0).items != plan(7).items })
        var (one, other) = (StressRandom(seed: 7).child("a"), StressRandom(seed: 7).child("a"))
        #expect((0..<10).map { _ in one.next() } == (0..<10).map { _ in other.next() })
        #expect(one.next() != StressRandom(seed: 7).child("b").seedless)
    }

    @Test func `the long suite injects every fault, and kills a field of eight 500 times`() throws {
        let items = try plan(1, long: true).items
        #expect(Set(items.flatMap(\.faults)) == Set(StressFault.all))
        let kills = items.filter { $0.faults == [.killHarness] }
        #expect(kills.reduce(0) { $0 + $1.count } == 500 && kills.allSatisfy { $0.trials == 8 })
    }

    @Test func `whatever is asked for by name is injected`() throws {
        for fault in StressFault.all {
            for isLong in [false, true] {
                let items = try plan(3, long: isLong, only: [fault.id]).items
                #expect(Set(items.flatMap(\.faults)) == [fault], "\(fault.id)")
            }
        }
        let steps = try plan(3, only: ["kill-at"]).items.flatMap(\.faults)
        #expect(Set(steps) == Set(MarkedStep.allCases.map(StressFault.killStep)))
    }

    @Test func `a step that only the gateway passes is looked for with the gateway`() throws {
        for seed in UInt64(1)...50 {
            for item in try plan(seed, only: ["kill-at"]).items {
                guard case .killStep(let step)? = item.faults.first else { continue }
                #expect(!step.needsGateway || item.access == .gateway, "\(step)")
            }
        }
    }

    @Test func `a fault that there is not is refused with the nearest`() {
        let error = #expect(throws: PreflightError.self) { try plan(1, only: ["kill-harnes"]) }
        #expect(error?.code == .usage && error?.hint?.contains("kill-harness") == true)
    }

    @Test(arguments: [
        ("container-started:2", StressKill(step: .containerStarted, count: 2)),
        ("run-begun", StressKill(step: .runBegun, count: 1)),
    ])
    func `a step to be killed at is read from its text`(text: String, kill: StressKill) throws {
        #expect(try StressKill(text) == kill)
        #expect(try StressKill(kill.text) == kill)
    }

    @Test(arguments: ["", "nowhere:1", "run-begun:0", "run-begun:x", "run-begun:"])
    func `a step that cannot be read is refused`(text: String) {
        #expect(throws: PreflightError.self) { try StressKill(text) }
    }
}

extension StressRandom {
    fileprivate var seedless: UInt64 {
        var copy = self
        return copy.next()
    }
}

@Suite struct StressPromiseTests {
    private func trial(_ change: (inout FieldFacts.Trial) -> Void = { _ in }) -> FieldFacts.Trial {
        var trial = FieldFacts.Trial(
            alias: "a", budget: USD(cents: 5), access: .gateway, outcome: .completed, steps: 4)
        trial.cost = USD(picodollars: 1000)
        trial.billed = trial.cost
        trial.settled = trial.cost
        trial.held = .zero
        trial.said = [0, 1, 2, 3]
        trial.written = [0, 1, 2, 3]
        trial.starts = 1
        change(&trial)
        return trial
    }

    private func broken(_ trials: [FieldFacts.Trial], _ change: (inout FieldFacts) -> Void = { _ in })
        -> [StressPromise]
    {
        var facts = FieldFacts()
        facts.trials = trials
        facts.cost = trials.reduce(.zero) { $0 + $1.cost }
        change(&facts)
        return facts.verdicts.filter { $0.broken != nil }.map(\.promise)
    }

    @Test func `an ejection lasts from the order to a dead container`() {
        func events(_ types: String...) -> [Event] {
            types.enumerated().map { index, type in
                Event(
                    timestamp: Timestamp(seconds: Int64(index)), elapsed: .seconds(index * 4), source: .harness,
                    type: type, fields: JSON.Object())
            }
        }
        for order in ["owner_request", "policy_fired"] {
            let ejection = StressJob.ejection(
                events("container_started", order, "eject_decided", "subkey_disabled", "container_stopped"))
            #expect(ejection?.took == .seconds(12) && ejection?.stopped == Timestamp(seconds: 4))
        }
        #expect(StressJob.ejection(events("eject_decided", "container_stopped")) == nil)
        #expect(StressJob.ejection(events("owner_request", "eject_decided")) == nil)
    }

    @Test func `a full disk has a name of its own, and an exit status`() {
        func faults(_ outcome: Outcome?, _ cause: String?, _ code: Int?) -> Int {
            let filler = trial {
                $0.alias = "filler"
                $0.outcome = outcome
                $0.cause = cause
            }
            return StressJob.faults(ofFullDisk: [trial(), filler], exitCode: code).count
        }
        #expect(faults(.harnessFailed, "record_failed", 70) == 0)
        #expect(faults(.harnessFailed, "record_failed", 1) == 1 && faults(.harnessFailed, "record_failed", nil) == 1)
        #expect(faults(.harnessFailed, nil, 70) == 1 && faults(.agentFailed, nil, 70) == 1 && faults(nil, nil, 70) == 1)
        #expect(StressJob.faults(ofFullDisk: [trial()], exitCode: 70).count == 1)
    }

    @Test func `facts as they should be break no promise`() {
        #expect(broken([trial(), trial { $0.alias = "b" }]).isEmpty)
    }

    @Test func `a bill above the budget is overspent`() {
        let trial = trial {
            $0.billed = USD(cents: 6)
            $0.cost = USD(cents: 6)
            $0.settled = USD(cents: 6)
        }
        #expect(broken([trial]) == [.overspend])
    }

    @Test func `a picodollar that is billed and in no receipt breaks the promise about money`() {
        #expect(broken([trial { $0.billed += USD(picodollars: 1) }]) == [.money])
        #expect(broken([trial { $0.billed -= USD(picodollars: 1) }]) == [.money])
        #expect(broken([trial { $0.settled = .zero }]) == [.money])
        #expect(broken([trial { $0.held = USD(picodollars: 1) }]) == [.money])
        #expect(broken([trial()]) { $0.cost = .zero } == [.money])
    }

    @Test func `a trial behind the gateway that the ledger does not know breaks the promise about money`() {
        let unknown = trial {
            $0.settled = nil
            $0.held = nil
        }
        #expect(broken([unknown]) == [.money])
        var direct = unknown
        direct.access = .direct
        #expect(broken([direct]).isEmpty)
        // It was never begun.
        #expect(broken([FieldFacts.Trial(alias: "a", budget: .zero, access: .gateway, steps: 4)]).isEmpty)
    }

    @Test func `what is said to be unknown may be billed, and no more`() {
        let said = trial {
            $0.unknownUpTo = USD(picodollars: 10)
            $0.billed += USD(picodollars: 10)
        }
        #expect(broken([said]).isEmpty)
        #expect(
            broken([
                trial {
                    $0.unknownUpTo = USD(picodollars: 10)
                    $0.billed += USD(picodollars: 11)
                }
            ]) == [.money])
    }

    @Test func `money that left without a reservation is seen at the kill`() {
        let kill = FieldFacts.Kill(committed: USD(picodollars: 5), billed: USD(picodollars: 6))
        #expect(broken([trial()]) { $0.kills = [kill] } == [.money])
    }

    @Test func `an event that is lost, doubled or moved is seen`() {
        for said in [[0, 1, 3], [0, 1, 1, 2, 3], [0, 2, 1, 3], [0, 1, 2]] {
            #expect(broken([trial { $0.said = said }]) == [.events], "\(said)")
        }
        let kill = FieldFacts.Kill(committed: nil, billed: .zero, lostLogs: ["a"])
        #expect(broken([trial()]) { $0.kills = [kill] } == [.events])
    }

    @Test func `work that is done twice is seen`() {
        #expect(broken([trial { $0.written = [0, 1, 0, 1, 2, 3] }]) == [.repeated])
        #expect(broken([trial { $0.starts = 2 }]) == [.repeated])
    }

    @Test(arguments: [nil, [], [0, 1, 2], [0, 1, 2, 3, 4]] as [[Int]?])
    func `the work of a trial that completed is all of it, and no more`(written: [Int]?) {
        #expect(broken([trial { $0.written = written }]) == [.repeated])
    }

    @Test func `a number that an ended agent wrote and its log lacks is lost`() {
        func ended(_ outcome: Outcome?, said: [Int], isFlood: Bool = false) -> FieldFacts.Trial {
            trial {
                $0.outcome = outcome
                $0.said = said
                $0.isFlood = isFlood
            }
        }
        #expect(broken([ended(.ejected, said: [0, 1, 2, 3, 4])]).isEmpty)
        #expect(broken([ended(.ejected, said: [0, 1, 2])]) == [.events])
        #expect(broken([ended(.ejected, said: [])]) == [.events])
        // Its engine, or its guard, took the rest away.
        for outcome in [nil, .lost, .dockerFailed] as [Outcome?] {
            #expect(broken([ended(outcome, said: [0, 1, 2])]).isEmpty)
        }
        #expect(broken([ended(.ejected, said: [2, 1], isFlood: true)]).isEmpty)
    }

    @Test func `a flood of which nothing can be read is not bounded`() {
        #expect(StressJob.flood(log: 4 << 20, events: 12 << 20).broken == nil)
        #expect(StressJob.flood(log: 5 << 20, events: 0).broken != nil)
        #expect(StressJob.flood(log: 0, events: 14 << 20).broken != nil)
        #expect(StressJob.flood(log: nil, events: 0).broken != nil)
        #expect(StressJob.flood(log: 0, events: nil).broken != nil)
    }

    @Test func `what is left, and what verify finds, breaks a promise`() {
        #expect(broken([trial()]) { $0.left = ["container x"] } == [.leftovers])
        #expect(broken([trial()]) { $0.findings = ["[x] events"] } == [.record])
    }

    @Test func `numbers are told as runs`() {
        #expect(FieldFacts.gaps([0, 1, 2, 5, 3, 4]) == "0-2, 5, 3-4")
        #expect(FieldFacts.gaps([]) == "none")
    }
}

@Suite struct StressReportTests {
    private func result(_ fault: StressFault, _ verdicts: [StressVerdict], injected: Int = 1) -> StressResult {
        StressResult(fault: fault, variant: "direct", injected: injected, verdicts: verdicts)
    }

    @Test func `results of one fault are one row, and a broken promise is told`() {
        let report = StressReport(
            seed: 7,
            results: [
                result(.killHarness, [.kept(.money), .kept(.events)], injected: 3),
                result(.killHarness, [.kept(.money), .broken(.events, "a line is gone")], injected: 2),
                StressResult(fault: .killEngine, skipped: "no dockerd"),
            ])
        #expect(report.rows.map(\.injected) == [5, 0] && report.rows.map(\.held) == [3, 0])
        let text = report.text(width: 120)
        #expect(text.contains("3 of 4") && text.contains("skipped: no dockerd"))
        #expect(text.contains("BROKEN events: kill-harness (direct): a line is gone"))
        #expect(text.hasSuffix("5 faults, 3 of 4 promises held, seed 7"))
        #expect(!report.isWell)
        #expect(report.json["well"]?.bool == false && report.json["seed"]?.int == 7)
    }

    @Test func `a suite that injected nothing does not pass`() {
        #expect(!StressReport(seed: 1, results: [StressResult(fault: .killEngine, skipped: "no dockerd")]).isWell)
        #expect(!StressReport(seed: 1, results: []).isWell)
        #expect(StressReport(seed: 1, results: [result(.killHarness, [.kept(.money)])]).isWell)
    }

    @Test func `a suite of which everything is skipped is refused with the reasons`() {
        let skipped = StressResult(fault: .killEngine, skipped: "no dockerd")
        let refusal = StressReport(seed: 1, results: [skipped, StressResult(fault: .diskFull, skipped: "no root")])
            .refusal
        #expect(refusal?.exitStatus == .refused)
        #expect(refusal?.message.contains("kill-engine: no dockerd; disk-full: no root") == true)
        #expect(StressReport(seed: 1, results: [skipped, result(.killHarness, [.kept(.money)])]).refusal == nil)
        #expect(StressReport(seed: 1, results: []).refusal == nil)
    }

    @Test func `a fault that was neither injected nor skipped does not pass`() {
        #expect(result(.orphans, [.kept(.money)], injected: 0).honest.broken.map(\.promise) == [.outcome])
        #expect(result(.orphans, [.broken(.money, "x")], injected: 0).honest.broken.map(\.promise) == [.money])
        #expect(result(.orphans, [.kept(.money)]).honest.broken.isEmpty)
        #expect(StressResult(fault: .killEngine, skipped: "no dockerd").honest.verdicts.isEmpty)
    }

    @Test func `a quantile is one of the durations, by the nearest rank`() {
        let durations = (1...100).map { Duration.seconds($0) }
        #expect(StressReport.quantile(durations, permille: 500) == .seconds(50))
        #expect(StressReport.quantile(durations, permille: 990) == .seconds(99))
        #expect(StressReport.quantile([.seconds(3)], permille: 990) == .seconds(3))
        #expect(StressReport.quantile([], permille: 990) == nil)
    }
}
