import PreflightCore

extension FuzzTarget {
    private static func text(_ lines: String...) -> [UInt8] { Array((lines.joined(separator: "\n") + "\n").utf8) }

    /// An agent's output: lines, events, and the fold that money is counted in.
    package static let lines = FuzzTarget(
        "lines",
        words: [
            "\n", "\r\n", #"{"type":"#, #""message_end""#, #""usage":{"#, #""cost":"#, #""prompt_tokens":"#, "snapshot",
            "error", "progress", #""code":402"#, #""elapsed_s":1"#, #""source":"agent""#, "trial_finished", "é",
            "\u{0}",
        ],
        seeds: {
            [
                [7]
                    + text(
                        #"{"type":"agent_start"}"#,
                        #"{"type":"tool_execution_start","toolName":"bash","usage":{"cost":{"total":0.001}}}"#,
                        #"{"type":"message_end","usage":{"prompt_tokens":5,"completion_tokens":2,"cost":0.002},"responseId":"a"}"#,
                        #"{"type":"error","code":402,"message":"no"}"#, "42", "partial", #"{"type":"agent_end"}"#),
                [3]
                    + text(
                        #"{"type":"progress","n":1,"deep":{"a":[1,2,{"b":null}]}}"#,
                        #"{"type":"message_end","message":{"usage":{"input_tokens":7,"output_tokens":1,"cache_read_input_tokens":3}}}"#,
                        #"{"type":"snapshot","label":"x","source":"harness","elapsed_s":99,"chain":"0"}"#,
                        #"{"type":"trial_finished","outcome":"completed"}"#),
                [40]
                    + text(
                        #"{"timestamp":"2026-11-21T04:13:51.526736Z","elapsed_s":5.062443,"source":"harness","type":"trial_started","budget":0.05,"access":"gateway"}"#,
                        #"{"timestamp":"2026-11-21T04:13:51.526736Z","elapsed_s":5.062443,"source":"gateway","type":"call_settled","call":7,"cost_usd":0.01,"spent_usd":0.01,"usage":{"prompt_tokens":1}}"#,
                        #"{"timestamp":"2026-11-21T04:13:51.526736Z","elapsed_s":6,"source":"harness","type":"budget_poll","spent":0.01}"#
                    ),
            ]
        },
        check: checkLines)

    @Sendable private static func checkLines(_ bytes: [UInt8]) -> String? {
        var promises = Promises()
        var input = FuzzInput(bytes)
        let size = input.choice(below: 64) + 1
        let whole = split([input.bytes])
        promises.keep(split(input.pieces(of: size)) == whole, "pieces of \(size) give other lines")
        promises.keep(whole.allSatisfy { $0.bytes.count <= lineLimit }, "a line is longer than its limit")
        var state = TrialState()
        var position = OutputPosition()
        for line in whole {
            let said = AgentLine(bytes: line.bytes[...], isCut: line.isCut)
            var event = Event(
                timestamp: Timestamp(seconds: 1_773_316_800), elapsed: .seconds(1), source: .agent, type: "raw")
            switch said {
            case .event(let type, let fields):
                event.type = type
                event.fields = fields
                promises.keep(AgentLine.types.contains(type), "an agent speaks as \(type)")
            case .raw(let text, _): event.fields.append("line", .string(text))
            }
            promises.keep(isRead(event), "an event is not read as it was written: \(event)")
            state.apply(event)
            position.apply(event)
            // A line of a log, and one that may have been damaged.
            if let told = Event(line: line.bytes[...]) {
                promises.keep(isRead(told), "a line of a log is not read as it was written: \(told)")
                var other = state
                other.apply(told)
                _ = TrialSummary(plan: plan, state: other, at: .seconds(5))
                var book = CallBook()
                book.apply(told)
            }
        }
        promises.keep(position.lines == whole.count, "\(whole.count) lines are counted as \(position.lines)")
        promises.keepNonNegative(state.usage, "the sum of usage")
        promises.keep(state.spend >= .zero && state.reportedSpend >= .zero, "spend is negative: \(state.spend)")
        let summary = TrialSummary(plan: plan, state: state, at: .seconds(5))
        promises.keep(TrialSummary(json: summary.json)?.json == summary.json, "a summary is not read as it was written")
        return promises.broken
    }

    private static let lineLimit = 512
    private static let plan = TrialPlan(alias: "a", model: "m", budget: USD(cents: 5))

    private struct Line: Equatable {
        var bytes: [UInt8]
        var isCut: Bool
    }

    private static func split(_ pieces: [[UInt8]]) -> [Line] {
        var splitter = LineSplitter(limit: lineLimit)
        var lines: [Line] = []
        for piece in pieces {
            piece.withUnsafeBytes { splitter.split($0) { lines.append(Line(bytes: Array($0), isCut: $1)) } }
        }
        splitter.finish { lines.append(Line(bytes: Array($0), isCut: $1)) }
        return lines
    }

    private static func isRead(_ event: Event) -> Bool {
        var line: [UInt8] = []
        event.write(into: &line)
        guard line.last == 0x0A, !line.dropLast().contains(0x0A), let read = Event(line: line.dropLast()) else {
            return false
        }
        return read.type == event.type && read.source == event.source && read.fields == event.fields
    }

    /// Any bytes as JSON, and what is read from its trees.
    package static let json = FuzzTarget(
        "json",
        words: ["{", "}", "[", "]", ",", ":", "\"", "\\u0000", "\\ud83d\\ude00", "\\ud83d", "null", "true", "1e5"],
        seeds: {
            let captures = (try? TestData.captures()) ?? []
            return captures.filter { $0.hasSuffix(".json") }.prefix(12).compactMap {
                try? TestData.bytes("captures/openrouter/\($0)")
            } + [Array(#"{"a":[1,-0.5e3,"x\ud83d\ude00\n",{"b":null,"b":true}],"":{}}"#.utf8)]
        },
        check: { bytes in
            var promises = Promises()
            let scan = try? JSONScan.read(bytes)
            do throws(JSON.ParsingError) {
                let json = try JSON.parse(bytes)
                promises.keep((try? JSON.parse(json.bytes)) == json, "JSON is not read as it was written")
                promises.keep((try? JSON.parse(json.prettyText)) == json, "pretty JSON is not read as it was written")
                promises.keep(scan == nil || json.object != nil, "a scan takes for an object what is none")
                promises.keep(
                    scan == nil || scan?.members.count == json.object?.members.count, "a scan finds other members")
                for part in [json] + (json.object?.members.map(\.value) ?? []) + (json.array ?? []) {
                    promises.keepNonNegative(Usage(json: part), "usage")
                    _ = (Model(json: part), Pricing(json: part), LogMark(json: part), TrialCheckpoint(json: part))
                    if let summary = TrialSummary(json: part) {
                        promises.keep(TrialSummary(json: summary.json) == summary, "a summary is read otherwise")
                    }
                    if let amount = part.usd() { promises.keep(JSON.usd(amount).usd() == amount, "\(amount) changes") }
                    _ = (part.int, part.text)
                }
            } catch {
                promises.keep(scan == nil, "a scan takes for JSON what is none: \(error)")
            }
            return promises.broken
        })
}
