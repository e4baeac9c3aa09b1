import PreflightCore
import Testing

@Suite struct ScorerTests {
    private func experiment(_ score: JSON) throws -> Experiment {
        try Experiment(tree: ["models": ["a/b"], "image": "i", "score": score])
    }

    @Test func `a program beside the experiment file is mounted and run`() throws {
        let scorer = try #require(try experiment("./score.py").score)
        #expect(scorer == Scorer(command: ["/score/score.py"], files: "./score.py", timeout: .seconds(60)))
    }

    @Test func `what is recorded of a scorer is read as the same`() throws {
        for score: JSON in [
            "/x/score.py", ["image": "scorer:1"],
            ["command": ["python3", "/score/a.py"], "files": "/x", "timeout": "90s", "image": "scorer:1"],
        ] {
            let read = try experiment(score)
            #expect(try Experiment(tree: read.tree, isRecord: true).score == read.score)
        }
        #expect(try experiment(.null).score == nil)
    }

    @Test(arguments: [
        ("7", "score: expected the path of a program"), (#""dir/""#, "score: expected the path"),
        (#""""#, "score: expected the path"), ("[]", "score: expected the path"),
        ("{}", "score: command or image is needed"),
        (#"{"files": "./x"}"#, "score: command or image is needed"),
        (#"{"comand": ["x"]}"#, "score.comand: unknown key"),
        (#"{"command": []}"#, "score.command: expected a program"),
        (#"{"command": "python3 x.py"}"#, "score.command: 'python3 x.py' would be the name of one program"),
        (#"{"command": [{}]}"#, "score.command[0]: expected text"),
        (#"{"command": ["x"], "timeout": "0s"}"#, "score.timeout: expected 1s…24h"),
        (#"{"command": ["x"], "timeout": "soon"}"#, "score.timeout: expected a time"),
        (#"{"image": ""}"#, "score.image: expected the name of an image"),
        (#"{"image": "i", "files": ""}"#, "score.files: expected a file"),
    ])
    func `a wrong scorer is an error that points at the place`(text: String, words: String) throws {
        let error = #expect(throws: PreflightError.self) { try experiment(try JSON.parse(text)) }
        #expect(error?.message.hasPrefix(words) ?? false, "\(error?.message ?? "")")
        #expect(error?.code == .usage)
    }
}

@Suite struct ScorerAnswerTests {
    @Test(
        arguments: [
            ("0.5", 0.5, [:]), ("-3", -3, [:]), (#"{"score": 1}"#, 1, [:]),
            (#" {"tests": 12, "score": 2e-1, "note": "ok", "ok": true, "more": {"a": 1}} "#, 0.2, ["tests": 12]),
            (#"{"score": 1, "score": 2}"#, 2, [:]),
        ] as [(String, Double, [String: Double])])
    func `a number, or an object with one, is a score`(line: String, value: Double, metrics: [String: Double]) {
        #expect(ScorerAnswer(exitCode: 0, lastLine: line) == .score(value, metrics: metrics))
    }

    @Test(
        arguments: [
            (0, nil, "it printed nothing"), (0, "ok", "its last line is neither"),
            (0, "NaN", "its last line is neither"),
            (0, "[1]", "its last line is neither"), (0, "1e999", "its last line is neither"),
            (0, "true", "its last line is neither"), (0, #""0.5""#, "its last line is neither"),
            (0, #"{"score": "0.5"}"#, "its last line has no number as score"),
            (0, #"{"score": null}"#, "its last line has no number as score"),
            (0, #"{"points": 3}"#, "its last line has no number as score"), (1, "0.5", "exit code 1: boom"),
        ] as [(Int, String?, String)])
    func `anything else is none, and says why`(exitCode: Int, line: String?, words: String) {
        guard case .none(let why) = ScorerAnswer(exitCode: exitCode, lastLine: line, lastStderr: ["x", "boom", " "])
        else {
            Issue.record("it is a score")
            return
        }
        #expect(why.hasPrefix(words), "\(why)")
    }

    @Test func `what is long is cut, and only so many metrics are kept`() {
        guard case .none(let why) = ScorerAnswer(exitCode: 0, lastLine: String(repeating: "x", count: 9000)) else {
            Issue.record("it is a score")
            return
        }
        #expect(why.count < 300)
        #expect(
            ScorerAnswer(exitCode: 0, lastLine: "12", isCut: true)
                == .none("its last line is neither a number nor a JSON object: 12"))
        let many = (0..<500).map { "\"m\($0)\": \($0)" }.joined(separator: ", ")
        guard case .score(1, let metrics) = ScorerAnswer(exitCode: 0, lastLine: "{\(many), \"score\": 1}") else {
            Issue.record("it is no score")
            return
        }
        #expect(metrics.count == ScorerAnswer.mostMetrics && metrics["m99"] == 99)
    }
}
