import Foundation
import PreflightCore
import TestSupport
import Testing

@Suite struct ExperimentTests {
    private func read(_ json: JSON) throws -> Experiment { try Experiment(tree: json) }

    @Test func `a whole experiment is read`() throws {
        let experiment = try read([
            "name": "kurve", "image": "my-agent:latest",
            "models": [
                "meta-llama/llama-3.3-70b-instruct",
                ["id": "google/gemini-2.5-flash", "alias": "gemini", "budget": .number("0.50")],
            ],
            "repeat": 2, "budget": ["per_trial": .number("0.25"), "total": 2, "file": "detailed"], "concurrency": 4,
            "prompt": "TASK.md", "mounts": ["./task:/workspace/task:ro", "type=volume,source=v,target=/v"],
            "env": ["GAME": "kurve", "N": 3], "args": ["--fast"],
            "limits": ["wall": "30m", "memory": "2g", "cpus": .number("1.5"), "pids": "none"],
            "checks": ["require": ["tools"], "skip": ["cache_smoke"], "git_version": .number("2.30")],
            "eject": ["any": ["budget_exceeded", ["idle": "180s"]]],
        ])
        #expect(experiment.models.map(\.id) == ["meta-llama/llama-3.3-70b-instruct", "google/gemini-2.5-flash"])
        #expect(experiment.budget.total == USD(cents: 200))
        #expect(experiment.prompt == .file("TASK.md"))
        #expect(experiment.env.map(\.value) == ["kurve", "3"])
        #expect(experiment.limits.memory == 2 << 30 && experiment.limits.pids == nil && experiment.limits.cpus == "1.5")
        #expect(experiment.checks.gitVersion == "2.30")
        #expect(experiment.problems().isEmpty)
        #expect(
            experiment.trials().map(\.alias) == [
                "llama-3.3-70b-instruct", "gemini", "llama-3.3-70b-instruct-2", "gemini-2",
            ])
        #expect(experiment.trials().map(\.budget.decimalText) == ["0.25", "0.5", "0.25", "0.5"])
    }

    @Test(
        arguments: [
            (["modles": []], "modles", "did you mean 'models'?"),
            (["budget": ["per_trail": 1]], "budget.per_trail", "did you mean 'per_trial'?"),
            (["budget": ["per_trial": "lots"]], "budget.per_trial", nil),
            (["models": ["a", 3, ["alias": "x"]]], "models[2]", nil),
            (["limits": ["wall": "soon"]], "limits.wall", nil),
            (["access": "both"], "access", nil),
            (["repeat": "twice"], "repeat", nil),
            (["mounts": ["here"]], "mounts[0]", nil),
            (["env": ["A"]], "env", nil),
            (
                ["eject": ["budget_fraction": ["at": "25%", "unless": "tool_cals > 1"]]],
                "eject.budget_fraction.unless",
                "did you mean"
            ),
            (["image": "a", "build": "b"], "image", nil),
            (["checks": ["custom": [["name": "x"]]]], "checks.custom[0]", nil),
        ] as [(JSON, String, String?)])
    func `what is wrong is named with its place`(tree: JSON, place: String, hint: String?) {
        let error = #expect(throws: PreflightError.self) { try read(tree) }
        #expect(error?.place == place)
        #expect(error?.code == .usage)
        if let hint { #expect(error?.hint?.hasPrefix(hint) == true, "\(error?.hint ?? "")") }
    }

    @Test(
        arguments: [
            (["image": "i"], "no model"), (["models": ["m"]], "no image"),
            (["image": "i", "models": ["m"], "budget": -1], "budget.per_trial must be more than $0"),
            (["image": "i", "models": ["m"], "budget": ["total": 0]], "budget.total must be more than $0"),
            (["image": "i", "models": ["m"], "repeat": 0], "repeat must be"),
            (["image": "i", "models": [["id": "m", "alias": "../x"]]], "alias '../x' is not usable"),
            (["image": "i", "models": [["id": "m", "budget": -3]]], "must be more than $0"),
            (["image": "i", "models": ["a/attempts"]], "a/attempts is named as a file of the run is"),
            (["image": "i", "models": [["id": "m", "alias": "summary.json"]]], "alias 'summary.json' is not usable"),
            (["image": "i", "models": ["m"], "env": ["A=B": "c"]], "is no name of a variable"),
            (["image": "i", "models": ["m"], "network": "closed"], "needs access: gateway"),
        ] as [(JSON, String)])
    func `an experiment that cannot run says why`(tree: JSON, words: String) throws {
        #expect(try read(tree).problems().contains { $0.message.contains(words) })
    }

    @Test func `aliases never clash`() throws {
        let experiment = try read(["models": ["a/m", "b/m", ["id": "c/x", "alias": "m"], "d/m-2"], "repeat": 2])
        let aliases = experiment.trials().map(\.alias)
        #expect(Set(aliases).count == aliases.count)
        #expect(aliases.allSatisfy(Names.isValid))
    }

    @Test func `the tree holds no value of a variable`() throws {
        let experiment = try read(["env": ["HF_TOKEN": "hf_secret"]])
        #expect(!experiment.tree.text.contains("hf_secret"))
    }

    @Test(
        arguments: [
            ("./a:/b:ro", .bind(source: "./a", target: "/b", options: ["ro"])),
            ("/a:/b", .bind(source: "/a", target: "/b", options: [])),
            ("type=bind,source=/a,target=/b,readonly", .docker("type=bind,source=/a,target=/b,readonly")),
            ("a", nil), (":/b", nil), ("/a:b", nil), ("/a:/b:rx", nil), ("", nil),
        ] as [(String, Mount?)])
    func `mounts are read in both forms`(text: String, mount: Mount?) {
        #expect(Mount(text) == mount)
    }
}

@Suite struct QuantityTests {
    @Test(
        arguments: [
            ("180s", 180_000), ("5m", 300_000), ("1h30m", 5_400_000), ("500ms", 500), ("90", 90_000), ("1.5s", 1_500),
            ("2d", 172_800_000),
            ("1 m", 60_000), ("", nil), ("s", nil), ("5x", nil), ("-5s", nil), ("5m3", nil), ("99999999999999h", nil),
        ] as [(String, Int64?)])
    func `times`(text: String, milliseconds: Int64?) {
        #expect(Quantity.duration(text) == milliseconds.map { .milliseconds($0) })
    }

    @Test(
        arguments: [
            ("512m", 512 << 20), ("2g", 2 << 30), ("1024", 1024), ("1.5k", 1536), ("64KiB", 65536), ("", nil),
            ("x", nil), ("-1m", nil),
            ("99999999999g", nil),
        ] as [(String, Int?)])
    func `sizes`(text: String, bytes: Int?) {
        #expect(Quantity.bytes(text) == bytes)
    }

    @Test func `versions are compared number by number`() {
        #expect(Version("2.39.5") >= Version("2.4"))
        #expect(Version("v3.0") >= Version("3"))
        #expect(Version("git version 2.9") < Version("2.30"))
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"), (1_773_316_800_000_001, "2026-03-12T12:00:00.000001Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"), (-1, "1969-12-31T23:59:59.999999Z"),
        ] as [(Int64, String)])
    func `instants round-trip`(microseconds: Int64, text: String) {
        #expect(Timestamp(microseconds: microseconds).iso8601 == text)
        #expect(Timestamp(iso8601: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00", "2026-01-01T00:00:00Q",
        "-026-01-01T00:00:00Z",
    ])
    func `what is no instant is refused`(text: String) {
        #expect(Timestamp(iso8601: text) == nil)
    }

    @Test func `offsets and short forms are understood`() {
        #expect(Timestamp(iso8601: "2026-03-12T14:00:00+02:00") == Timestamp(iso8601: "2026-03-12T12:00:00Z"))
        #expect(Timestamp(iso8601: "2026-03-12T12:00:00.5Z")?.microseconds == 1_773_316_800_500_000)
    }

    @Test(arguments: [
        ("http://127.0.0.1:8787/api/v1", "http://host.docker.internal:8787/api/v1"),
        ("http://localhost/api", "http://host.docker.internal/api"),
        ("http://[::1]:80/x", "http://host.docker.internal:80/x"),
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("http://127.evil.com/x", "http://127.evil.com/x"),
        ("nonsense", "nonsense"),
    ])
    func `an address of this machine is rewritten for a container`(url: String, rewritten: String) {
        #expect(ContainerAddress.rewriting(url) == rewritten)
    }

    @Test func `names are told apart and suggested`() {
        #expect(Names.parseSubKey("preflight:run-1:a:b")?.trial == "a:b")
        #expect(Names.parseSubKey("other:run-1:a") == nil)
        #expect(NearestName.of("balence", among: ["balance", "math"]) == "balance")
        #expect(NearestName.of("zzz", among: ["balance", "math"]) == nil)
    }
}

@Suite struct SchemaTests {
    @Test func `the published schema knows the keys that are read, and no others`() throws {
        let path = TestData.package.appendingPathComponent("docs/experiment.schema.json").path
        let schema = try JSON.parse([UInt8](try #require(FileManager.default.contents(atPath: path))))
        #expect(Set(schema["properties"]?.object?.keys ?? []) == Set(Experiment.keys))
        #expect(schema["additionalProperties"]?.bool == false)
        let model = schema["$defs"]?["model"]?["anyOf"]?.array?.last?["properties"]?.object?.keys
        #expect(Set(model ?? []) == Set(Experiment.Entry.keys))
        let text = schema.text
        for policy in EjectPolicy.keys { #expect(text.contains("\"\(policy)\""), "\(policy)") }
        for name in Question.names + PolicyRule.keys + PolicyAction.allCases.map(\.rawValue) {
            #expect(text.contains(name), "\(name)")
        }
    }
}
