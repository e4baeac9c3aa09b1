import PreflightCore
import Reports
import Store
import TestSupport
import Testing

@Suite struct StatusFrameTests {
    private func trial(_ alias: String, _ configure: (inout TrialSummary) -> Void) -> TrialSummary {
        var summary = TrialSummary(plan: TrialPlan(alias: alias, model: "m", budget: USD(cents: 25)))
        configure(&summary)
        return summary
    }

    private func view() -> RunView {
        RunView(
            id: "run-20260312-120000", directory: "/r", createdAt: nil, isAlive: true,
            trials: [
                trial("llama") {
                    $0.outcome = .completed
                    $0.reason = "exit code 0"
                    $0.events = 87
                    $0.toolCalls = 42
                    $0.snapshots = 5
                    $0.cost = USD(cents: 18)
                    $0.usage = Usage(promptTokens: 1000, cachedTokens: 610)
                    $0.startedAt = Timestamp(seconds: 1)
                    $0.runtime = .seconds(262)
                },
                trial("gemini") {
                    $0.phase = .running
                    $0.events = 34
                    $0.cost = USD(cents: 7)
                    $0.startedAt = Timestamp(seconds: 1)
                    $0.runtime = .seconds(105)
                    $0.isRunning = true
                },
                trial("qwen") {
                    $0.outcome = .ejected
                    $0.reason = "idle: silent for 5m00s\u{1b}[31m\nand more"
                    $0.startedAt = Timestamp(seconds: 1)
                    $0.unknownUpTo = USD(cents: 2)
                },
            ])
    }

    @Test func `the frame is as watch shows it`() {
        #expect(
            StatusFrame.text(view()) == """
                Run: run-20260312-120000
                ============================================================
                alias   status   events  tools  snaps  cost   cache  time    note
                ────────────────────────────────────────────────────────────────────────────
                llama   DONE     87      42     5      $0.18  61%    4m22s
                gemini  running  34      0      0      $0.07  -      1m45s*  $0.18 remaining
                qwen    EJECTED  0       0      0      $0.00  -      0.0s    idle

                qwen: idle: silent for 5m00s [31m and more; up to $0.02 not yet billed

                $0.25 of $0.75 spent, 1 of 3 unfinished

                """)
    }

    @Test(arguments: [80, 100, 200]) func `no line is wider than the terminal, with default aliases too`(width: Int) {
        var view = view()
        view.trials[0].alias = "llama-3.3-70b-instruct"
        view.trials[1].alias = "mistral-small-3.2-24b-instruct"
        view.trials[1].cost = USD(picodollars: 87_000_000)
        let lines = StatusFrame.text(view, width: width).split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= width }, "\(lines.joined(separator: "\n"))")
        #expect(lines.contains { $0.hasSuffix("$0.25 remaining") })
    }

    @Test func `a summary is read back as written`() throws {
        for trial in view().trials {
            let read = try #require(TrialSummary(json: try JSON.parse(trial.json.prettyText)))
            #expect(read == trial)
        }
    }
}

@Suite struct RunLookupTests {
    private func withRuns(_ body: (RunsDirectory, Journal) async throws -> Void) async throws {
        try await withTemporaryDirectory { path in
            let runs = RunsDirectory(path: path)
            let journal = try Journal(path: runs.journalPath)
            for (index, id) in ["run-20260311-090000", "run-20260312-120000", "nightly"].enumerated() {
                let directory = runs.run(id)
                try Files.createDirectory(directory.path)
                try await journal.begin(
                    directory, trials: [TrialSummary(plan: TrialPlan(alias: "a", model: "m", budget: USD(cents: 5)))],
                    at: Timestamp(seconds: Int64(index)))
            }
            try await body(runs, journal)
        }
    }

    @Test(arguments: [
        ("latest", "nightly"), ("run-20260311-090000", "run-20260311-090000"), ("20260312", "run-20260312-120000"),
        ("night", "nightly"),
    ])
    func `a run is found by name, prefix and latest`(name: String, id: String) async throws {
        try await withRuns { runs, journal in
            let found = try await RunLookup.find(name, in: runs, journal: journal)
            #expect(found.id == id)
        }
    }

    @Test func `an unknown run is told the nearest, an ambiguous one its candidates`() async throws {
        try await withRuns { runs, journal in
            let unknown = await #expect(throws: PreflightError.self) {
                try await RunLookup.find("run-20260312-120001", in: runs, journal: journal)
            }
            #expect(unknown?.code == .usage && unknown?.hint?.hasPrefix("nearest: run-20260312-120000") == true)
            let ambiguous = await #expect(throws: PreflightError.self) {
                try await RunLookup.find("run-2026", in: runs, journal: journal)
            }
            #expect(ambiguous?.message == "'run-2026' names 2 runs")
        }
    }

    @Test func `a trial that nobody watches any more is lost, one that is watched is not`() async throws {
        try await withRuns { runs, journal in
            #expect(try await RunLookup.find("nightly", in: runs, journal: journal).trials[0].outcome == .lost)
            let lock = try HarnessLock(path: runs.run("nightly").harnessLockPath)
            let view = try await RunLookup.find("nightly", in: runs, journal: journal)
            #expect(view.isAlive && view.trials[0].outcome == nil)
            withExtendedLifetime(lock) {}
        }
    }
}
