import PreflightCore
import Testing

/// $0.03 of $0.10 spent, one tool called, one error, and some things reported; ten seconds after the start.
private let state: TrialState = {
    let events = PolicyFixture.seconds([
        PolicyFixture.call("bash", ["command": "ls"]),
        (.harness, "budget_poll", ["spent": .number("0.03")]),
        (.agent, "error", ["message": "Rate limit reached"]),
        (
            .agent, "progress",
            ["score": .number("7.5"), "phase": "tests", "done": true, "cost": "$0.02", "took": "90s", "none": .null]
        ),
        (.harness, "output_changed", ["files": 2]),
    ])
    var state = TrialState()
    state.habits = Habits()
    for event in PolicyFixture.beginning + events { state.apply(event) }
    return state
}()

private let now = Duration.milliseconds(10_100)

@Suite struct QuestionTests {
    @Test(arguments: [
        ("tool_calls > 0", true), ("tool_calls >= 2", false), ("spend < $0.05", true), ("spend >= 0.03", true),
        ("spend_share > 25%", true), ("spend_share > 0.35", false), ("idle < 10s", true), ("elapsed = 10s", true),
        ("not (tool_calls > 0)", false), ("tool_calls > 5 or errors == 1", true),
        ("tool_calls > 0 and errors > 1", false), ("tool_calls>0 and (errors>5 or turns==0)", true),
        ("not tool_calls > 5 and not errors > 5", true), ("errors == 1 or errors == 2 and turns > 5", true),
        ("output_files == 2 and output_age >= 5s and snapshots = 0", true),
        ("model == 'openai/gpt-4.1-mini'", true), ("last_tool != \"bash\"", false),
        ("contains(last_error, 'rate LIMIT')", true), ("waiting or agent_ended", false), ("waiting == no", true),
    ])
    func `questions are read and answered`(text: String, expected: Bool) throws {
        #expect(try Question(parsing: text).holds(in: state, at: now) == expected)
    }

    @Test(arguments: [
        ("spend + $0.02 == $0.05", true), ("spend * 2 > remaining - $0.02", true), ("spend * 150% = $0.045", true),
        ("spend / 3 == $0.01", true), ("spend / budget == 30%", true), ("spend / budget = spend_share", true),
        ("errors / tool_calls == 1", true), ("errors / (tool_calls + 1) == 50%", true),
        ("errors > tool_calls * 50%", true),
        ("errors * 1.5 > 1", true), ("2 + 3 * 4 == 14", true), ("(2 + 3) * 4 == 20", true), ("10 - 4 - 3 == 3", true),
        ("-errors < 0", true), ("- - errors == 1", true), ("idle * 2 > elapsed / 2", true),
        ("spend / elapsed > $0.1/min", true), ("spend / elapsed <= $0.18/min", true),
        ("spend / 10s == $0.18/min", true),
        ("$0.18/min * 10s == $0.03", true), ("$0.03 / $0.18/min == 10s", true), ("elapsed + 1m >= 70s", true),
        ("min(spend, $0.01, remaining) == $0.01", true), ("max(errors, 5) = 5", true), ("max(1, 1.5) == 1.5", true),
        ("spend > 0.0005", true), ("errors * 1.50000 == 1.5", true),
    ])
    func `what is reckoned keeps its kind`(text: String, expected: Bool) throws {
        #expect(try Question(parsing: text).holds(in: state, at: now) == expected)
    }

    @Test(arguments: [
        ("context.score > 7", true), ("context.score * 2 == 15", true), ("context.score < errors", false),
        ("context.phase == 'tests'", true), ("context.done", true), ("not context.done", false),
        ("context.cost < spend", true), ("context.took == 1m30s", true), ("context.score > $7", true),
        // Of another kind than it is compared with, or not there: never.
        ("context.phase > 3", false), ("context.nothing > 3", false), ("context.nothing <= 3", false),
        ("context.nothing != 'x'", false), ("not (context.nothing > 3)", true), ("context.nothing + 1 > 0", false),
        ("context.score == context.score", true), ("context.score == context.phase", false),
        ("reported(context.score)", true), ("reported(context.nothing) or reported(context.none)", false),
        ("min(context.score, 3) == 3", true), ("contains(context.phase, 'est')", true), ("context.done == yes", true),
        ("context.nothing == no", false),
    ])
    func `what the agent reported has the kind that it is asked for, or no answer`(
        text: String, expected: Bool
    ) throws {
        #expect(try Question(parsing: text).holds(in: state, at: now) == expected)
    }

    @Test(arguments: [
        ("0.9991", "context.x >= 1", false), ("0.9991", "context.x < 1", true), ("1", "context.x >= 1", true),
        ("0.0002", "context.x < 0.001", true), ("0.0002", "context.x > 0", false),
        // Downwards is away from zero here.
        ("-0.0002", "context.x < 0", true), ("-0.0002", "context.x >= 0", false),
        ("-1.0005", "context.x < -1", true), ("5e-13", "context.x < $0.000000000001", true),
        ("9e-7", "context.x < 0.000001s", true),
    ])
    func `a reported number does not reach a bound that it falls short of`(
        reported: String, text: String, expected: Bool
    ) throws {
        var told = state
        for event in PolicyFixture.seconds([(.agent, "progress", ["x": .number(reported)])]) { told.apply(event) }
        #expect(try Question(parsing: text).holds(in: told, at: now) == expected)
    }

    @Test(arguments: [
        "errors / 0 > 0", "errors / (errors - 1) < 5", "spend / turns > $0", "spend / (idle - idle) > $0/min",
    ])
    func `what is divided by nothing is neither more nor less`(text: String) throws {
        #expect(try !Question(parsing: text).holds(in: state, at: now))
    }

    @Test(arguments: [
        "9223372036854775807 + 1 == 9223372036854775807", "9223372036854775807 * errors * 1000 > 5",
        "-9223372036854775807 - 5 < 0", "$9000000 * 1000000 > $9000000", "9223372036854775807 * 100% > 0",
        "-(0 - 9223372036854775807 - 9) > 0", "$9000000 / 0.001 > $1", "9000000h / 1ms > 1",
    ])
    func `what grows out of range stays at its end`(text: String) throws {
        #expect(try Question(parsing: text).holds(in: state, at: now))
    }

    @Test(
        arguments: [
            ("tool_cals > 0", "unknown name 'tool_cals'", "tool_cals", "did you mean 'tool_calls'?"),
            ("tool_calls", "is a count, where a yes or no is needed", "tool_calls", "compare"),
            ("tool_calls >", "something is missing at the end", "", nil),
            ("tool_calls > $1", "'$1' is no count, which 'tool_calls' is", "$1", nil),
            ("tool_calls > 25%", "'25%' is no count", "25%", nil),
            ("tool_calls > 1.5", "'1.5' is no count", "1.5", nil),
            ("spend > fast", "unknown name 'fast'", "fast", "names are"), ("spend > 5m", "'5m' is no money", "5m", nil),
            ("errors > 1 and spend > idle", "money cannot be compared with time", ">", nil),
            ("(tool_calls > 0", "a ')' is missing", "", nil), ("", "missing", "", nil),
            ("errors > 0)", "unexpected ')'", ")", nil),
            ("tool_calls > 0 errors > 1", "unexpected 'errors'", "errors", "and"),
            ("idle > 5 apples", "unexpected 'apples'", "apples", nil),
            ("spend + idle > $1", "time cannot be added to money", "+", nil),
            ("spend * spend > $1", "money cannot be multiplied with money", "*", nil),
            ("idle / spend > 1", "time cannot be divided by money", "/", nil),
            ("1 < errors < 3", "two comparisons in a row", "<", "and"),
            ("errors && turns", "'&' is not used here", "&", "the word 'and'"),
            ("errors > 1 or !waiting", "'!' is not used here", "!", "the word 'not'"),
            ("model > 3", "text cannot be compared with a count", ">", nil),
            ("waiting > no", "cannot be compared", ">", nil), ("model == 'x", "quotation mark", "'x", nil),
            ("spend > $1x", "'$1x' is no quantity", "$1x", "such as"),
            ("idle > 5parsec", "'5parsec' is no quantity", "5parsec", nil),
            ("contains(model)", "takes two texts", "contains(model)", nil),
            ("contains(model, 3) ", "where text is needed", "3", nil),
            ("min(spend, idle) > $1", "time beside money in min", "idle", nil),
            ("reported(3)", "asks for a field", "3", nil),
            ("min > 3", "'min' is a function", "min", "min(…)"), ("spend > $1 and", "missing at the end", "", nil),
            ("spend # 3", "'#' is not used here", "#", nil), ("context. > 3", "unknown name", "context.", nil),
            ("and > 3", "a value is missing before 'and'", "and", nil),
            ("spend > * 3", "a value is missing before '*'", "*", nil),
            ("not errors", "where a yes or no is needed", "errors", nil), ("ü > 3", "unknown name 'ü'", "ü", nil),
            ("errors > “3”", "unknown name", nil, nil),
            // Finer than anything is reckoned in.
            ("context.loss < 0.0005", "'0.0005' is no share", "0.0005", nil),
            ("spend * 1.0001 > $1", "'1.0001' is no share", "1.0001", nil),
            ("cache_share < 0.25%", "'0.25%' is no quantity", "0.25%", nil),
        ] as [(String, String, String?, String?)])
    func `a wrong question is told what is wrong, and where`(
        text: String, words: String, place: String?, hint: String?
    ) throws {
        let error = try #require(throws: PreflightError.self) { try Question(parsing: text) }
        #expect(error.message.contains(words), "\(error.message)")
        if let hint { #expect(error.hint?.contains(hint) == true, "\(error.hint ?? "")") }
        let lines = error.message.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 3)
        guard let place, !place.isEmpty, lines.count == 3 else { return }
        let shown = Array(lines[1])
        let marks = Array(lines[2])
        let marked = marks.indices.filter { marks[$0] == "^" }.map { shown[$0] }
        #expect(String(marked) == place)
    }

    @Test func `a place in a long question is shown with what is around it`() throws {
        let long = Array(repeating: "errors > 1", count: 40).joined(separator: " and ")
        let error = try #require(throws: PreflightError.self) {
            try Question(parsing: "\(long) and tuns > 1 and \(long)")
        }
        let lines = error.message.split(separator: "\n")
        #expect(lines[1].count < 200)
        let column = try #require(lines[2].firstIndex(of: "^")).utf16Offset(in: lines[2])
        #expect(lines[1].dropFirst(column).hasPrefix("tuns > 1"))
    }

    @Test func `deep nesting and great length are refused, not crashed on`() {
        for text in [
            String(repeating: "(", count: 2000) + "errors > 0", String(repeating: "not ", count: 1000),
            String(repeating: "-", count: 3000) + "1 > 0", String(repeating: "errors > 0 or ", count: 1000),
            String(repeating: "min(", count: 1000),
        ] {
            #expect(throws: PreflightError.self) { try Question(parsing: text) }
        }
    }

    @Test func `every name has a value at any time`() throws {
        for name in Question.Figure.allCases {
            let text = "\(name.rawValue) == \(name.rawValue)"
            for state in [TrialState(), state] {
                #expect(try Question(parsing: text).holds(in: state, at: now), "\(name)")
            }
        }
    }

    @Test(arguments: [
        ("spend > $0.06", 500, "spend $0.03 of $0.06"),
        ("spend > $0.06 and output_files == 2", 500, "spend $0.03 of $0.06"),
        ("spend > $0.06 or errors > 9", 500, "spend $0.03 of $0.06"), ("errors < 1", 999, "errors 1 of 1"),
        ("elapsed > 40s", 250, "elapsed 10s of 40s"), ("errors > 0", 1000, "errors 1 of 0"),
        ("waiting", 0, "does not hold: waiting"),
    ])
    func `how near a question is to a yes`(text: String, permille: Int, words: String) throws {
        let nearness = EjectPolicy.when(try Question(parsing: text)).nearness(for: state, at: now)
        #expect(nearness == Nearness(policy: "when", permille: permille, words: words))
    }
}
