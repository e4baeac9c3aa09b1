import PreflightCore
import Reports
import Store
import Testing

@Suite struct ExportTests {
    private func lines(_ body: (RunReport, @escaping (String) throws -> Void) throws -> Void) async throws -> [String] {
        nonisolated(unsafe) var text = ""
        try await ReportFixture.with { _, report in try body(report) { text += $0 } }
        return text.split(separator: "\n").map(String.init)
    }

    private func attributes(_ json: JSON?) -> [String: JSON] {
        (json?["attributes"]?.array ?? []).reduce(into: [:]) { found, entry in
            if let key = entry["key"]?.string { found[key] = entry["value"] }
        }
    }

    @Test func `every line of OTLP is a request of the shape that collectors take`() async throws {
        let lines = try await lines { try OTLPExport($0, write: $1).run() }
        #expect(lines.count == 2, "one for each trial: neither has 200 spans")
        var ids: Set<String> = []
        for line in lines {
            let resource = try #require(try JSON.parse(line)["resourceSpans"]?[0])
            let about = attributes(resource["resource"])
            #expect(about["service.name"]?["stringValue"] == "preflight")
            #expect(about["preflight.run.id"]?["stringValue"] == "run-1")
            #expect(
                about["container.image.repo_digests"]?["arrayValue"]?["values"]?[0]?["stringValue"]
                    == "agent@sha256:def")
            let scope = try #require(resource["scopeSpans"]?[0])
            #expect(scope["scope"]?["name"] == "preflight")
            let spans = try #require(scope["spans"]?.array)
            for span in spans {
                let (trace, id) = (try #require(span["traceId"]?.string), try #require(span["spanId"]?.string))
                #expect(trace.count == 32 && id.count == 16)
                #expect((trace + id).allSatisfy { "0123456789abcdef".contains($0) })
                #expect(ids.insert(id).inserted)
                let start = try #require(span["startTimeUnixNano"]?.string.flatMap(Int.init))
                let end = try #require(span["endTimeUnixNano"]?.string.flatMap(Int.init))
                #expect(start <= end && start >= 1_773_316_800_000_000_000)
                #expect([1, 3].contains(span["kind"]?.int))
                #expect(attributes(span)["gen_ai.operation.name"] != nil)
            }
            // The trial is the root of its trace, and comes last.
            let root = try #require(spans.last)
            #expect(root["parentSpanId"] == nil)
            #expect(
                spans.dropLast().allSatisfy { $0["parentSpanId"] == root["spanId"] && $0["traceId"] == root["traceId"] }
            )
        }
    }

    @Test func `spans carry the names of the GenAI conventions`() async throws {
        let lines = try await lines { try OTLPExport($0, write: $1).run() }
        let spans = try #require(try JSON.parse(lines[0])["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?.array)
        #expect(
            spans.compactMap { $0["name"]?.string } == [
                "chat m", "execute_tool bash", "chat m", "chat m", "chat m", "invoke_agent a",
            ])
        let call = spans[2]
        let about = attributes(call)
        #expect(about["gen_ai.request.model"]?["stringValue"] == "m")
        #expect(about["gen_ai.response.model"]?["stringValue"] == "m-1")
        #expect(about["gen_ai.provider.name"]?["stringValue"] == "openrouter")
        #expect(about["gen_ai.response.id"]?["stringValue"] == "gen-2")
        #expect(about["gen_ai.usage.input_tokens"]?["intValue"] == "2200")
        #expect(about["gen_ai.usage.output_tokens"]?["intValue"] == "10")
        #expect(about["gen_ai.usage.cache_read.input_tokens"]?["intValue"] == "1920")
        #expect(about["gen_ai.response.finish_reasons"]?["arrayValue"]?["values"]?[0]?["stringValue"] == "tool_calls")
        #expect(about["gen_ai.response.time_to_first_chunk"]?["doubleValue"]?.numberText == "0.250")
        #expect(about["preflight.cost_usd"]?["doubleValue"]?.usd() == USD(cents: 1))
        // From its arrival to its end.
        #expect(call["startTimeUnixNano"] == "1773316807500000000")
        #expect(call["endTimeUnixNano"] == "1773316808000000000")
        #expect(attributes(spans[1])["gen_ai.tool.call.id"]?["stringValue"] == "c1")
        #expect(spans[1]["status"]?["code"] == 2)
        #expect(attributes(spans[4])["error.type"]?["stringValue"] == "402")
        #expect(attributes(spans[5])["gen_ai.agent.name"]?["stringValue"] == "a")
        let ejected = try #require(
            try JSON.parse(lines[1])["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?.array?.last)
        #expect(ejected["status"]?["code"] == 2)
        #expect(ejected["events"]?[0]?["name"] == "preflight.eject_decided")
    }

    @Test func `calls and tools that an agent tells of in one breath are spans of their own`() async throws {
        try await RecordFixture.with(["a"]) { fixture in
            let call = RecordFixture.event(
                .agent, "message_end", ["usage": ["prompt_tokens": 10, "completion_tokens": 1]], at: 4)
            let tool = ["tool_execution_start", "tool_execution_end"].map {
                RecordFixture.event(.agent, $0, ["toolName": "bash"], at: 5)
            }
            let told = Array(repeating: call, count: 3) + tool + tool
            let summary = try fixture.write(
                RecordFixture.beginning("a") + told + RecordFixture.end(USD(cents: 1), at: 9), "a")
            try await fixture.journal.update([summary], run: fixture.run.id, at: RecordFixture.start + .seconds(9))
            let report = await RunReport.read(
                try await RunLookup.find(fixture.run.id, in: fixture.runs, journal: fixture.journal))
            func ids() throws -> [String] {
                var text = ""
                try OTLPExport(report) { text += $0 }.run()
                let spans = try JSON.parse(text)["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?.array
                return (spans ?? []).compactMap { $0["spanId"]?.string }
            }
            let found = try ids()
            #expect(found.count == 6 && Set(found).count == 6, "three calls, two tools, the trial")
            #expect(try ids() == found)
        }
    }

    @Test func `an export made twice has the same ids`() async throws {
        let first = try await lines { try OTLPExport($0, write: $1).run() }
        #expect(try await lines { try OTLPExport($0, write: $1).run() } == first)
    }

    @Test func `calls are a line each, and none is a formula`() async throws {
        let lines = try await lines { try RunExport($0, write: $1).csv(.calls) }
        #expect(lines[0] == CallTable.columns.joined(separator: ","))
        #expect(lines.count == 5)
        let columns = lines[2].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        #expect(columns.count == CallTable.columns.count)
        let row = Dictionary(uniqueKeysWithValues: zip(CallTable.columns, columns))
        #expect(
            row["trial"] == "a" && row["call"] == "2" && row["cached_tokens"] == "1920" && row["cost_usd"] == "0.01")
        #expect(row["started_s"] == "7.500" && row["ended_s"] == "8.000" && row["tools"] == "bash")
        #expect(lines[4].contains("refused") && lines[4].contains("no money"))
        let trials = try await self.lines { try RunExport($0, write: $1).csv(.trials) }
        #expect(trials.count == 3 && trials[0] == TrialTable.columns.joined(separator: ","))
        #expect(
            trials.dropFirst().allSatisfy { line in
                !line.split(separator: ",").contains { "=+@".contains($0.first ?? "x") }
            })
    }

    @Test func `JSON lines are told apart by their kind, and a table is only that`() async throws {
        func kinds(_ table: RunExport.Table?) async throws -> [String] {
            try await lines { try RunExport($0, write: $1).jsonLines(table) }.compactMap {
                try JSON.parse($0)["kind"]?.string
            }
        }
        #expect(try await kinds(nil) == ["run", "trial", "trial", "call", "call", "call", "call"])
        #expect(try await kinds(.calls) == ["call", "call", "call", "call"])
        #expect(try await kinds(.trials) == ["trial", "trial"])
    }
}
