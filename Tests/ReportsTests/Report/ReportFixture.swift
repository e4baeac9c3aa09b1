import PreflightCore
import Reports
import Store
import TestSupport

/// A run with a trial behind the gateway, one that was ejected, and one whose words are hostile.
enum ReportFixture {
    static let hostile = "b<img src=x onerror=alert(1)>"
    static let hostileReason =
        "</td><script src=\"http://evil.example/x.js\"></script>\u{202E}=cmd|'a'!A0 *bold* [x](http://evil.example)"

    static func call(
        _ number: Int, at seconds: Int, took: String = "1.5", prompt: Int = 2000, cached: Int = 0, cost: USD,
        chain: [UInt32] = [], more: JSON = [:]
    ) -> Event {
        var fields =
            JSON.record([
                "call": .int(number), "dialect": "chat", "model": "m", "upstream": "openrouter", "served_model": "m-1",
                "provider": "Host", "generation": .string("gen-\(number)"), "status": 200, "streamed": true,
                "reserved_usd": .usd(USD(cents: 2)), "cost_usd": .usd(cost), "basis": "stated",
                "usage": .record([
                    "prompt_tokens": .int(prompt), "completion_tokens": 10,
                    "cached_tokens": cached > 0 ? .int(cached) : nil,
                ]),
                "prompt": chain.isEmpty
                    ? nil : PromptTrace(opening: chain.first, messages: chain.count, chain: chain).json,
                "duration_s": .number(took), "first_token_s": .number("0.25"), "finish": ["tool_calls"],
                "tools": ["bash"], "spent_usd": .usd(cost * number),
            ]).object ?? JSON.Object()
        for member in more.object?.members ?? [] { fields[member.key] = member.value }
        return RecordFixture.event(.gateway, "call_settled", .object(fields), at: seconds)
    }

    /// The events of the trial `a`: three calls, of which the second reads the cache, and the third finds it broken.
    static var calls: [Event] {
        [
            RecordFixture.event(.gateway, "call_reserved", ["call": 1, "model": "m"], at: 3),
            call(1, at: 4, cost: USD(cents: 1), chain: [1, 2]),
            RecordFixture.event(
                .agent, "tool_execution_start", ["toolName": "bash", "toolCallId": "c1"], at: 5),
            RecordFixture.event(
                .agent, "tool_execution_end", ["toolName": "bash", "toolCallId": "c1", "isError": true], at: 6),
            call(2, at: 8, took: "0.5", prompt: 2200, cached: 1920, cost: USD(cents: 1), chain: [1, 2, 3]),
            call(3, at: 12, took: "3", prompt: 2400, cost: USD(cents: 1), chain: [1, 9, 8, 7]),
            RecordFixture.event(.gateway, "call_refused", ["model": "m", "status": 402, "reason": "no money"], at: 13),
        ]
    }

    static func ejected(at seconds: Int, reason: String) -> [Event] {
        [
            RecordFixture.event(.harness, "eject_decided", ["reason": .string(reason)], at: seconds),
            RecordFixture.event(.harness, "container_exited", ["exit_code": 143], at: seconds),
            RecordFixture.event(
                .harness, "spend_reconciled", ["spent": .usd(.zero), "settled": true], at: seconds),
            RecordFixture.event(
                .harness, "trial_finished", ["outcome": "ejected", "reason": .string(reason)], at: seconds),
        ]
    }

    static func with(_ body: (RecordFixture, RunReport) async throws -> Void) async throws {
        try await RecordFixture.with(["a", hostile]) { fixture in
            try Files.replace(
                fixture.run.lockPath,
                with: """
                    {"preflight": "0.1.0", "docker": "20.10", "prices_at": "2026-03-12T11:59:00Z",
                     "image": {"name": "agent:latest", "id": "sha256:abc", "digests": ["agent@sha256:def"], "architecture": "amd64"},
                     "base_url": "https://openrouter.example/api/v1",
                     "models": [{"id": "m", "canonical_slug": "m-1",
                                 "pricing": {"prompt": "0.000001", "completion": "0.000002", "input_cache_read": "0.0000001"}}],
                     "experiment_sha256": "e1", "prompt_sha256": "p1"}
                    """, durably: false)
            try Files.replace(fixture.run.promptPath, with: "Do <it>.\n", durably: false)
            let first = try fixture.write(
                RecordFixture.beginning("a", access: "gateway") + calls + RecordFixture.end(USD(cents: 3), at: 20), "a")
            let second = try fixture.write(
                RecordFixture.beginning(hostile) + ejected(at: 9, reason: hostileReason), hostile)
            try await fixture.journal.update(
                [first, second], run: fixture.run.id, at: RecordFixture.start + .seconds(30))
            try await fixture.journal.finish(run: fixture.run.id, exitStatus: 1, at: RecordFixture.start + .seconds(30))
            try Files.replace(
                fixture.run.summaryPath,
                with: JSON.record([
                    "run": "run-1", "started_at": .string(RecordFixture.start.iso8601),
                    "finished_at": .string((RecordFixture.start + .seconds(30)).iso8601), "stopped": false,
                    "trials": .array([first.json, second.json]),
                ]).text, durably: false)
            var report = await RunReport.read(
                try await RunLookup.find(fixture.run.id, in: fixture.runs, journal: fixture.journal))
            report.title = "night"
            try await body(fixture, report)
        }
    }
}
