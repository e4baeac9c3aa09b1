import Harness
import OpenRouter
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

private func slowBill() -> SimulatorOptions {
    var options = SimulatorOptions()
    options.usageDelay = .milliseconds(100)
    // What is asked for is what is answered: 20,000 tokens of this model cost $0.05.
    options.scenario = Scenario(
        name: "long", scripts: ["*": .init(turns: [.init(text: "x", completionTokens: 1_000_000, repetitions: .max)])])
    return options
}

/// An agent that speaks and waits.
private let patient = "echo '{\"type\":\"agent_start\"}'; sleep 60"

extension Bench {
    fileprivate func ask(_ order: OwnerOrder, _ run: String, _ trial: String? = nil) async throws -> Int64 {
        try await journal.ask(order, run: run, trial: trial, who: "me@here, process 1", at: world.now())
    }

    fileprivate func answer(_ id: Int64) async throws -> OwnerRequest.Answer? {
        _ = try await eventually { try await journal.request(id)?.answer != nil }
        return try await journal.request(id)?.answer
    }

    fileprivate func limit(of run: String, _ trial: String) async throws -> USD? {
        try await management.subKeys().first { $0.name == Names.subKey(run: run, trial: trial) }?.limit
    }
}

/// Quick looks, so that the tests are.
private func briskly(_ plan: inout RunPlan) {
    plan.pace.requests = .milliseconds(50)
    plan.pace.settle = .milliseconds(500)
    plan.pace.settlePoll = .milliseconds(100)
}

@Suite(.serialized, .timeLimit(.minutes(3)), .enabled(if: hasDocker, "needs Docker and images/agent/build"))
struct OwnerRunTests {
    @Test func `trials are stopped and ejected from outside, and the others go on`() async throws {
        try await withBench(slowBill(), forContainers: true) { bench in
            let told = Told()
            let field = bench.field(
                ["stopped": patient, "ejected": patient, "unbegun": patient, "other": "sleep 2"], told: told
            ) { plan in
                briskly(&plan)
                plan.experiment.concurrency = 2
            }
            let run = field.directory.id
            async let running = bench.run(field)
            #expect(await eventually { told.has("running stopped") && told.has("running ejected") })
            let unbegun = try await bench.ask(.stop(isQuick: false), run, "unbegun")
            #expect(try await bench.answer(unbegun) == .init(isDone: true, text: "unbegun will not begin"))
            let early = try await bench.ask(.extend(.by(USD(cents: 1))), run, "other")
            #expect(try await bench.answer(early)?.text == "other has not begun: extend it once it runs")
            let eject = try await bench.ask(.eject(reason: "talks to itself"), run, "ejected")
            #expect(try await bench.answer(eject) == .init(isDone: true, text: "ejecting ejected"))
            let stop = try await bench.ask(.stop(isQuick: false), run, "stopped")
            #expect(try await bench.answer(stop) == .init(isDone: true, text: "stopping stopped"))

            let result = try await running
            let trials = Dictionary(uniqueKeysWithValues: result.trials.map { ($0.alias, $0) })
            #expect(trials["stopped"]?.outcome == .cancelled)
            #expect(trials["ejected"]?.outcome == .ejected)
            #expect(trials["ejected"]?.reason == "owner: talks to itself")
            #expect(trials["unbegun"]?.outcome == .cancelled)
            #expect(trials["unbegun"]?.startedAt != nil && trials["unbegun"]?.runtime == .zero)
            #expect(trials["other"]?.outcome == .completed, "\(trials["other"]?.reason ?? "")")
            #expect(!result.wasStopped)

            // Who and why stand in the log, before what was done about it.
            let events = try bench.events(run, "ejected")
            let asked = try #require(events.firstIndex { $0.type == "owner_request" })
            #expect(events[asked].fields["who"] == "me@here, process 1")
            #expect(events[asked].fields["reason"] == "talks to itself")
            #expect(asked < events.firstIndex { $0.type == "eject_decided" } ?? 0)
            #expect(
                try bench.events(run, "unbegun").map(\.type) == ["trial_started", "owner_request", "trial_finished"])
            #expect(try bench.events(run, "other").allSatisfy { $0.type != "owner_request" })

            let late = try await bench.ask(.stop(isQuick: false), run, "stopped")
            #expect(try await bench.journal.request(late)?.answer == nil)
            try await bench.expectNothingLeft(of: run)
        }
    }

    @Test(arguments: [false, true])
    func `a run is stopped from outside as by a signal`(isQuick: Bool) async throws {
        try await withBench(slowBill(), forContainers: true) { bench in
            let told = Told()
            let field = bench.field(["a": patient, "b": patient, "c": patient], told: told) { plan in
                briskly(&plan)
                plan.experiment.concurrency = 2
            }
            let run = field.directory.id
            async let running = bench.run(field)
            #expect(await eventually { told.has("running a") && told.has("running b") })
            let stop = try await bench.ask(.stop(isQuick: isQuick), run)
            #expect(try await bench.answer(stop) == .init(isDone: true, text: "stopping 3 trials"))
            let result = try await running
            #expect(result.wasStopped && result.trials.map(\.outcome) == [.cancelled, .cancelled, .cancelled])
            for alias in ["a", "b", "c"] {
                #expect(try bench.events(run, alias).contains { $0.type == "owner_request" }, "\(alias)")
            }
            try await bench.expectNothingLeft(of: run)
        }
    }

    @Test func `an extended budget is what the key, the envelope, budget txt and the policies go by`() async throws {
        try await withBench(slowBill(), forContainers: true) { bench in
            let told = Told()
            // Spends $0.045, waits until its budget says more than ten cents, and spends as much again.
            let script =
                "call 18000 r; until grep -q 'of .0.12' $PREFLIGHT_BUDGET_FILE; do sleep 0.1; done; call 18000 r; echo twice"
            let field = bench.field(["a": script, "b": patient], told: told) { plan in
                briskly(&plan)
                plan.experiment.budget.total = USD(cents: 17)
                plan.experiment.eject = PolicyList(ejecting: .budgetExceeded)
            }
            let run = field.directory.id
            async let running = bench.run(field)
            #expect(await eventually { told.has("running a") && told.has("running b") })
            #expect(
                try await eventually { try await bench.journal.trials(run: run).first?.summary.cost ?? .zero > .zero })

            // Five cents of b are held: twelve are left.
            let tooMuch = try await bench.ask(.extend(.to(USD(cents: 13))), run, "a")
            #expect(
                try await bench.answer(tooMuch)
                    == .init(isDone: false, text: "budget.total has no room for $0.08 more: extend the run first"))
            let tooLittle = try await bench.ask(.extend(.to(USD(cents: 4))), run, "a")
            #expect(try await bench.answer(tooLittle)?.text == "a has spent $0.045: its budget cannot become $0.04")
            #expect(try await bench.limit(of: run, "a") == USD(cents: 5))
            let extend = try await bench.ask(.extend(.by(USD(cents: 7))), run, "a")
            #expect(try await bench.answer(extend) == .init(isDone: true, text: "a: budget $0.05 -> $0.12"))
            #expect(try await bench.limit(of: run, "a") == USD(cents: 12))
            #expect(try await bench.limit(of: run, "b") == USD(cents: 5))

            let more = try await bench.ask(.extend(.by(USD(cents: 1))), run, "b")
            #expect(try await bench.answer(more)?.isDone == false)
            let total = try await bench.ask(.extend(.to(USD(cents: 20))), run)
            #expect(try await bench.answer(total) == .init(isDone: true, text: "budget.total $0.17 -> $0.20"))
            let again = try await bench.ask(.extend(.by(USD(cents: 1))), run, "b")
            #expect(try await bench.answer(again)?.isDone == true)
            _ = try await bench.answer(try await bench.ask(.stop(isQuick: false), run, "b"))

            let result = try await running
            #expect(result.trials[0].outcome == .completed, "\(result.trials[0].reason ?? "")")
            #expect(result.trials[0].budget == USD(cents: 12))
            #expect(result.trials[0].cost > USD(cents: 5) && result.trials[0].cost == bench.server.bill.total)
            let events = try bench.events(run, "a").filter { $0.source == .harness }.map(\.type)
            let asked = try #require(events.firstIndex(of: "owner_request"))
            #expect(asked < events.firstIndex(of: "budget_extended") ?? 0)
            #expect(events.last == "trial_finished")
            #expect(try bench.events(run, "b").contains { $0.type == "total_extended" })
            try await bench.expectNothingLeft(of: run)
        }
    }

    @Test func `an extension that OpenRouter does not take changes nothing`() async throws {
        try await withBench(slowBill(), forContainers: true) { bench in
            let told = Told()
            let field = bench.field(["a": patient], told: told) { plan in
                briskly(&plan)
                plan.experiment.budget.total = USD(cents: 10)
            }
            let run = field.directory.id
            async let running = bench.run(field)
            #expect(await eventually { told.has("running a") })
            bench.server.addFault(Fault(.status, path: "/keys", method: "PATCH", count: 1, status: 400))
            let refused = try await bench.ask(.extend(.by(USD(cents: 5))), run, "a")
            let answer = try #require(try await bench.answer(refused))
            #expect(!answer.isDone && answer.text.hasPrefix("a: the budget stays $0.05"), "\(answer.text)")
            #expect(try await bench.limit(of: run, "a") == USD(cents: 5))
            // Nothing of it is held: the whole room is there again.
            let extend = try await bench.ask(.extend(.to(USD(cents: 10))), run, "a")
            #expect(try await bench.answer(extend)?.isDone == true)
            let lower = try await bench.ask(.extend(.to(USD(cents: 2))), run, "a")
            #expect(try await bench.answer(lower) == .init(isDone: true, text: "a: budget $0.10 -> $0.02"))
            #expect(try await bench.limit(of: run, "a") == USD(cents: 2))
            let none = try await bench.ask(.stop(isQuick: true), run)
            #expect(try await bench.answer(none)?.isDone == true)
            let result = try await running
            let failed = try bench.events(run, "a").first { $0.type == "budget_not_extended" }
            #expect(failed?.fields["budget"]?.usd() == USD(cents: 5))
            #expect(result.trials[0].budget == USD(cents: 2))
        }
    }

    @Test func `an order that was begun before a crash is carried out to the same end`() async throws {
        try await withBench(slowBill(), forContainers: true) { bench in
            let told = Told()
            // While its key is being made an order waits, as one does whose harness died.
            bench.server.addFault(Fault(.delay, path: "/keys", method: "POST", count: 1, delay: .seconds(2)))
            let field = bench.field(["a": patient], told: told, configure: briskly)
            let run = field.directory.id
            async let running = bench.run(field)
            #expect(await eventually { told.has("begin a") })
            // Ten cents were decided on; five more than what it has would be something else by now.
            let begun = try await bench.ask(.extend(.by(USD(cents: 50))), run, "a")
            #expect(try await bench.journal.take(begun, target: USD(cents: 10), at: bench.world.now()))
            #expect(try await bench.answer(begun) == .init(isDone: true, text: "a: budget $0.05 -> $0.10"))
            #expect(try await bench.limit(of: run, "a") == USD(cents: 10))
            _ = try await bench.ask(.stop(isQuick: true), run)
            _ = try await running
        }
    }
}
