import PreflightCore
import Testing

/// A state after the given events, each a second after the one before, the container running from second 0.
private func state(budget: USD = USD(cents: 10), _ events: [(Event.Source, String, JSON)] = []) -> TrialState {
    var state = TrialState()
    let all: [(Event.Source, String, JSON)] =
        [(.harness, "trial_started", .record(["budget": .usd(budget)])), (.harness, "container_started", [:])] + events
    for (index, (source, type, fields)) in all.enumerated() {
        state.apply(
            Event(
                timestamp: Timestamp(seconds: 1_000_000), elapsed: .seconds(max(0, index - 1)), source: source,
                type: type,
                fields: fields.object ?? JSON.Object()))
    }
    return state
}

private func spent(_ text: String) -> (Event.Source, String, JSON) {
    (.harness, "budget_poll", .record(["spent": .number(text)]))
}

private func policy(_ json: JSON) throws -> EjectPolicy { try EjectPolicy(reader: TreeReader(json, path: "eject")) }

@Suite struct EjectPolicyTests {
    @Test func `budget exceeded fires at the budget, not before`() {
        #expect(EjectPolicy.budgetExceeded.verdict(for: state([spent("0.0999")]), at: .seconds(1)) == .stay)
        let reason = EjectPolicy.budgetExceeded.verdict(for: state([spent("0.1")]), at: .seconds(1)).reason
        #expect(reason?.policy == "budget_exceeded")
        #expect(reason?.message == "spent $0.10 of $0.10")
    }

    @Test func `a figure that goes down again does not take spend back`() {
        let state = state([spent("0.2"), spent("0.05")])
        #expect(state.spend == USD(cents: 20))
        #expect(EjectPolicy.budgetExceeded.verdict(for: state, at: .seconds(3)) != .stay)
    }

    @Test func `an agent that is refused again and again for money is at its end, one that recovers is not`() {
        let refused: (Event.Source, String, JSON) = (.agent, "error", ["code": 402, "message": "can only afford 3"])
        let answered: (Event.Source, String, JSON) = (.agent, "message_end", ["usage": ["cost": .number("0.001")]])
        let four = Array(repeating: refused, count: 4)
        #expect(EjectPolicy.budgetExceeded.verdict(for: state(four), at: .seconds(9)) == .stay)
        #expect(EjectPolicy.budgetExceeded.verdict(for: state(four + [refused]), at: .seconds(9)) != .stay)
        #expect(EjectPolicy.budgetExceeded.verdict(for: state(four + [answered] + four), at: .seconds(9)) == .stay)
    }

    @Test func `idle counts from the last sign of life, and only while the container runs`() {
        let idle = EjectPolicy.idle(.seconds(10))
        #expect(idle.verdict(for: TrialState(), at: .seconds(100)) == .stay)
        let running = state([(.agent, "raw", ["line": "x"])])
        #expect(idle.verdict(for: running, at: .seconds(10)) == .stay)
        #expect(idle.verdict(for: running, at: .seconds(11)).reason?.message == "silent for 10s")
    }

    @Test func `spend is a sign of life, an unchanged poll is none`() {
        let state = state([spent("0.01"), spent("0.01")])
        #expect(state.idle(at: .seconds(5)) == .seconds(4))
    }

    @Test func `a fraction fires unless its condition holds`() throws {
        let policy = try policy(["budget_fraction": ["at": "25%", "unless": "tool_calls > 0"]])
        #expect(policy.verdict(for: state([spent("0.024")]), at: .seconds(1)) == .stay)
        #expect(policy.verdict(for: state([spent("0.025")]), at: .seconds(1)).reason?.policy == "budget_fraction")
        let worked = state([(.agent, "tool_execution_start", ["toolName": "bash"]), spent("0.09")])
        #expect(policy.verdict(for: worked, at: .seconds(2)) == .stay)
    }

    @Test func `policies combine`() throws {
        let both = try policy(["all": [["wall": "5s"], ["errors": 1]]])
        let erred = state([(.agent, "error", ["message": "no"])])
        #expect(both.verdict(for: erred, at: .seconds(4)) == .stay)
        #expect(both.verdict(for: erred, at: .seconds(5)).reason?.policy == "wall+errors")
        let late = try policy(["after": ["elapsed": "60s", "then": "budget_exceeded"]])
        #expect(late.verdict(for: state([spent("1")]), at: .seconds(59)) == .stay)
        #expect(late.verdict(for: state([spent("1")]), at: .seconds(60)) != .stay)
        let inverted = try policy(["not": ["wall": "5s"]])
        #expect(inverted.verdict(for: state(), at: .seconds(1)) != .stay)
        #expect(inverted.verdict(for: state(), at: .seconds(6)) == .stay)
    }

    @Test func `two trials with one policy do not touch each other`() {
        let policy = EjectPolicy.budgetExceeded
        #expect(policy.verdict(for: state([spent("1")]), at: .seconds(1)) != .stay)
        #expect(policy.verdict(for: state(), at: .seconds(1)) == .stay)
    }

    @Test func `a command's newest answer counts`() throws {
        let policy = EjectPolicy.command(CommandPolicy(name: "judge", command: ["./judge"]))
        let asked = state([(.harness, "policy_answer", ["policy": "judge", "eject": true, "reason": "hopeless"])])
        #expect(policy.verdict(for: asked, at: .seconds(1)).reason?.message == "hopeless")
        #expect(policy.commands.map(\.name) == ["judge"])
    }

    @Test(arguments: [
        ("idel: x", "unknown eject policy"), ("idle", "expected text"), ("idle:soon", "expected a time"),
        ("budget_fraction:130%", "expected a share"), ("errors:0", "at least 1"),
        ("budget_exceeded: 80%", "takes no value"),
    ])
    func `a wrong policy says what is wrong`(text: String, words: String) {
        let error = #expect(throws: PreflightError.self) { try policy(.string(text)) }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func `a misspelt policy is told its nearest name and its place`() {
        let error = #expect(throws: PreflightError.self) { try policy(["any": [["budget_exeeded": .null]]]) }
        #expect(error?.hint == "did you mean 'budget_exceeded'?")
        #expect(error?.place == "eject.any[0]")
    }

    @Test func `a policy written out reads back the same`() throws {
        let original = try policy([
            "any": [
                "budget_exceeded", ["idle": "180s"],
                ["budget_fraction": ["at": "12.5%", "unless": "spend < $0.01 or snapshots >= 2"]],
                ["all": [["errors": 3], ["not": ["wall": "90s"]]]],
                ["after": ["elapsed": "0.5s", "then": ["idle": "1s"]]],
                ["command": ["name": "judge", "run": ["./judge", "-x"], "every": "5s"]],
            ]
        ])
        #expect(try policy(original.tree) == original)
    }
}
