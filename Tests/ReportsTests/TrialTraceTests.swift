import PreflightCore
import Store
import TestSupport
import Testing

@testable import Reports

@Suite(.timeLimit(.minutes(2))) struct TrialTraceTests {
    private func event(
        _ source: Event.Source, _ type: String, _ fields: JSON = [:], at milliseconds: Int
    ) -> Event {
        Event(
            timestamp: RecordFixture.start + .milliseconds(milliseconds), elapsed: .milliseconds(milliseconds),
            source: source, type: type, fields: fields.object ?? JSON.Object())
    }

    private func call(_ cost: USD, spent: USD, at milliseconds: Int) -> Event {
        event(
            .gateway, "call_settled",
            [
                "model": "m", "status": 200, "cost_usd": .usd(cost), "spent_usd": .usd(spent),
                "duration_s": .number("0.250"),
            ], at: milliseconds)
    }

    @Test func `a log that grows is read on from where it was`() async throws {
        try await RecordFixture.with(["a"]) { fixture in
            let trial = fixture.run.trial("a")
            try fixture.write(RecordFixture.beginning("a", access: "gateway"), "a")
            var trace = TrialTrace()
            #expect(try !trace.read(trial.eventsPath))
            let first = trace.offset
            #expect(first > 0 && trace.calls.spans.isEmpty && trace.state.phase == .running)
            try fixture.write(
                [
                    event(.agent, "raw", ["text": "noise"], at: 2500),
                    call(USD(cents: 1), spent: USD(cents: 1), at: 3000),
                    event(.agent, "tool_execution_start", ["toolName": "bash", "toolCallId": "1"], at: 3100),
                    event(.agent, "tool_execution_end", ["toolCallId": "1", "isError": true], at: 4100),
                    call(USD(cents: 2), spent: USD(cents: 3), at: 5000),
                ], "a")
            #expect(try !trace.read(trial.eventsPath))
            #expect(trace.offset > first)
            #expect(trace.calls.spans.map(\.start) == [.milliseconds(2750), .milliseconds(4750)])
            #expect(trace.tools.spans.count == 1 && trace.tools.spans[0].isFailure)
            #expect(trace.tools.spans[0].label == "bash" && trace.tools.spans[0].end == .milliseconds(4100))
            #expect(trace.curve.points.map(\.spend) == [USD(cents: 1), USD(cents: 3)])
            #expect(trace.curve.caps.map(\.spend) == [RecordFixture.budget])
            #expect(try LinePages(path: trial.eventsPath).line(at: trace.calls.spans[1].offset) != nil)
        }
    }

    @Test func `a trace stays within its bounds however long the log is`() {
        var trace = TrialTrace()
        for event in RecordFixture.beginning("a", access: "gateway") { trace.take(event, at: 0) }
        for index in 1...20_000 {
            let spent = USD(picodollars: Int64(index) * 1_000_000)
            trace.take(call(USD(picodollars: 1_000_000), spent: spent, at: 3000 + index * 10), at: index)
            trace.take(event(.agent, "error", ["message": "no"], at: 3000 + index * 10), at: index)
        }
        #expect(trace.calls.count == 20_000 && trace.calls.spans.count <= 600)
        #expect(trace.calls.spans.reduce(0) { $0 + $1.count } == 20_000)
        #expect(trace.calls.spans.last?.end == .milliseconds(203_000))
        #expect(trace.marks.count <= 200 && trace.marks.first?.type == "trial_started")
        #expect(trace.marks.last?.elapsed == .milliseconds(203_000))
        #expect(trace.curve.points.count <= 240 && trace.curve.spend == USD(picodollars: 20_000_000_000))
        #expect(TrialChart(trace).svg(id: "t").text.utf8.count < 400_000)
    }

    @Test func `a verdict is told once, with how the trial stood`() {
        var trace = TrialTrace()
        for event in RecordFixture.beginning("a", access: "gateway") { trace.take(event, at: 0) }
        trace.take(call(USD(cents: 5), spent: USD(cents: 5), at: 3000), at: 1)
        let reason: JSON = ["reason": "idle: silent for 9s", "policy": "idle"]
        trace.take(event(.harness, "eject_decided", reason, at: 12_000), at: 2)
        trace.take(event(.harness, "ejected", ["reason": "silent for 9s", "policy": "idle"], at: 12_100), at: 3)
        let verdicts = trace.marks.filter { $0.kind == .verdict }
        #expect(verdicts.map(\.offset) == [2])
        #expect(verdicts.first?.evidence["spent"]?.string == "$0.05 of $0.10")
        #expect(verdicts.first?.evidence["idle"]?.string == "9.0s")
    }

    @Test func `what an agent says never becomes markup`() {
        var trace = TrialTrace()
        for event in RecordFixture.beginning("a") { trace.take(event, at: 0) }
        let name = "<script>alert(1)</script>\" onload=\"x"
        trace.take(event(.agent, "tool_execution_start", ["toolName": .string(name)], at: 3000), at: 1)
        trace.take(event(.agent, "tool_execution_end", at: 3500), at: 2)
        trace.take(event(.agent, "error", ["message": .string(name)], at: 3600), at: 3)
        let text = TrialChart(trace).svg(id: "t").text
        #expect(!text.contains("<script") && text.contains("&lt;script&gt;"))
        #expect(!text.contains("\" onload"))
    }

    @Test func `the head of a line is what was written`() throws {
        let written = event(.gateway, "call_settled", ["type": "x", "source": "agent"], at: 61_500)
        var bytes: [UInt8] = []
        written.write(into: &bytes)
        let head = try #require(bytes.withUnsafeBytes { LineHead($0) })
        #expect(head.type == "call_settled" && head.source == .gateway && head.elapsed == .milliseconds(61_500))
        for text in ["", "{}", "{\"timestamp\":\"x\",\"elapsed_s\":1,\"source\":\"nobody\",\"type\":\"a\"}", "plain"] {
            #expect(Array(text.utf8).withUnsafeBytes { LineHead($0) } == nil, "\(text)")
        }
    }

    @Test(
        arguments: [
            ("", true), ("call", true), ("CALL", false), ("flash settled", true), ("flash missing", false),
            ("-missing", true), ("-flash", false), ("type:call_settled", true), ("type:error,call_settled", true),
            ("type:error", false), ("-type:call_settled", false), ("source:gateway flash", true),
            ("source:agent", false), ("Gemini", true), ("gemini", true), ("GEMINI", false),
        ])
    func `a filter takes the lines that its words ask for`(filter: String, isTaken: Bool) {
        var line: [UInt8] = []
        event(.gateway, "call_settled", ["model": "google/Gemini-flash"], at: 1).write(into: &line)
        #expect(line.withUnsafeBytes { LineFilter(filter).matches($0) } == isTaken)
    }
}
