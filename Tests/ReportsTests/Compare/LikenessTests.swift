import PreflightCore
import Reports
import Testing

@Suite struct LikenessTests {
    private let trials = [CompareFixture.summary("a"), CompareFixture.summary("b")]

    private func likeness(
        _ second: [TrialSummary]? = nil, lock: Provenance = CompareFixture.lock,
        experiment: JSON? = CompareFixture.experiment, _ change: (inout RunConditions) -> Void = { _ in }
    ) -> Likeness {
        var other = CompareFixture.conditions(second ?? trials, run: "run-2", lock: lock, experiment: experiment)
        change(&other)
        return Likeness([CompareFixture.conditions(trials), other])
    }

    @Test func `two runs of one experiment are alike`() {
        #expect(likeness().differences.isEmpty)
        #expect(likeness().notes.isEmpty)
    }

    @Test func `whom a run names, how often, and what it checks makes no difference`() {
        var experiment = CompareFixture.experiment.object ?? JSON.Object()
        experiment["name"] = "morning"
        experiment["models"] = ["a", "b", "c"]
        experiment["repeat"] = 9
        experiment["checks"] = ["require": ["tools"]]
        experiment["concurrency"] = 16
        let found = likeness(experiment: .object(experiment))
        #expect(found.differences.isEmpty, "\(found.differences)")
        #expect(found.notes.count == 1 && found.notes[0].hasPrefix("concurrency: 4 (run-1), 16 (run-2)"))
    }

    @Test(
        arguments: [
            ("access", "direct"), ("args", ["--max-turns", "5"]), ("eject", ["idle"]), ("network", "open"),
            ("limits", ["wall": "90s", "memory": 1024]), ("budget", ["per_trial": "0.25", "total": 9]),
            ("mounts", ["/a:/b"]), ("env", ["TOKEN": "****"]), ("anything_new", 1),
        ] as [(String, JSON)])
    func `anything else of the experiment does`(key: String, value: JSON) throws {
        var experiment = CompareFixture.experiment.object ?? JSON.Object()
        experiment[key] = value
        let found = likeness(experiment: .object(experiment))
        let difference = try #require(found.differences.first)
        #expect(found.differences.count == 1 && difference.what.hasPrefix(key), "\(found.differences)")
        #expect(difference.values.count == 2)
        #expect(difference.text.contains("run-1") && difference.text.contains("run-2"))
    }

    @Test(arguments: [
        ("image", "image"), ("architecture", "image"), ("prompt", "prompt_sha256"),
        ("OpenRouter's address", "base_url"),
        ("preflight", "preflight"),
    ])
    func `so does what it was run with`(what: String, key: String) {
        let members: JSON = [
            "preflight": "0.1.0", "base_url": "https://openrouter.example/api/v1",
            "image": ["id": "sha256:abc", "architecture": "amd64"], "docker": "20.10",
            "experiment_sha256": "e1", "prompt_sha256": "p1",
        ]
        var json = members.object ?? JSON.Object()
        json[key] = key == "image" ? ["id": "sha256:def", "architecture": "arm64"] : "other"
        let lock = CompareFixture.lock
        var changed = Provenance(lock: .object(json))
        changed.models = lock.models
        let found = likeness(lock: changed)
        #expect(found.differences.contains { $0.what == what }, "\(found.differences)")
        #expect(found.differences.count == (key == "image" ? 2 : 1))
    }

    @Test func `a model's prices may differ from another's, not from its own`() {
        var lock = CompareFixture.lock
        lock.models[0].pricing = Pricing(rates: .init(prompt: USD(picodollars: 7)))
        let found = likeness(lock: lock)
        #expect(found.differences.map(\.what) == ["prices of a"])
        lock = CompareFixture.lock
        lock.models[2].pricing = nil
        #expect(likeness(lock: lock).isAlike, "nobody called it")
        lock.models[1].canonicalSlug = "b-2026"
        #expect(likeness(lock: lock).differences.map(\.what) == ["b served as"])
    }

    @Test func `what nobody wrote down is unknown, and no likeness`() {
        let found = likeness(lock: Provenance(), experiment: nil)
        #expect(found.differences.contains { $0.what == "image" && $0.text.contains("unknown (run-2)") })
        #expect(found.differences.contains { $0.what == "experiment.yaml" })
        // Not known of either is not the same of both.
        var empty = CompareFixture.conditions(trials, lock: Provenance())
        empty.run = "run-2"
        let both = Likeness([CompareFixture.conditions(trials, lock: Provenance()), empty])
        #expect(both.differences.contains { $0.text == "image: unknown (run-1, run-2)" })
    }

    @Test func `within a run caps and upstreams can differ, and what was done to a trial alone`() {
        let dearer = CompareFixture.summary("b", budget: USD(cents: 50), upstream: "local")
        var run = CompareFixture.conditions([trials[0], dearer])
        run.trials[0].orders = ["steer"]
        run.trials[0].damage = "its event log is missing"
        run.trials[1].secondChance = "agent_failed"
        run.trials[1].didPricesChange = true
        run.drift = ["image x: a -> b"]
        run.unfinished = 1
        let found = Likeness([run])
        #expect(
            found.differences.map(\.what) == [
                "budget", "upstream", "its owner's hand", "second chance", "prices", "record", "taken up again", "end",
            ])
        #expect(found.differences[0].text == "budget: $0.25 (run-1/a), $0.50 (run-1/b)")
        #expect(found.differences[2].text == "its owner's hand: steer (run-1/a)")
        #expect(Likeness([CompareFixture.conditions(trials, lock: Provenance(), experiment: nil)]).isAlike)
    }

    @Test func `caps that read alike and are not the same are told apart`() throws {
        let caps = try ["0.0120", "0.0124"].map { try #require(USD(decimal: $0)) }
        let found = Likeness([
            CompareFixture.conditions(zip(["a", "b"], caps).map { CompareFixture.summary($0, budget: $1) })
        ])
        #expect(found.differences.map(\.text) == ["budget: $0.012 (run-1/a), $0.0124 (run-1/b)"])
    }

    @Test func `scores of two scorers are two things`() {
        let found = Likeness([CompareFixture.conditions(trials)], scorers: [("s1", "run-1/a"), ("s2", "run-1/b")])
        #expect(found.differences.map(\.text) == ["scorer: s1 (run-1/a), s2 (run-1/b)"])
    }

    @Test func `of long texts the part is shown where they differ`() {
        let long = String(repeating: "x", count: 200)
        var likeness = Likeness()
        likeness.compare("eject", [(text: long + "idle", place: "r1"), (long + "loop", "r2")])
        let same = "…" + String(repeating: "x", count: 20)
        #expect(likeness.differences[0].text == "eject: \(same)idle (r1), \(same)loop (r2)")
    }

    @Test func `many places are counted, and words from outside stay on their line`() {
        var likeness = Likeness()
        likeness.compare("x", (1...9).map { (text: "v\n", place: "r\($0)") } + [("w", "r10")])
        #expect(likeness.differences[0].text == "x: v  (r1, r2, r3, r4 and 5 more), w (r10)")
    }
}
