import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

/// The board as a person sees it: the built command on a pseudo terminal, following a run that this test holds.
@Suite(.serialized) struct BoardCommandTests {
    /// A run whose lock this process holds, as a harness would.
    private struct LivingRun {
        let path: String
        let runs: RunsDirectory
        let journal: Journal
        let lock: HarnessLock

        init(_ path: String, trials: Int) async throws {
            self.path = path
            runs = RunsDirectory(path: path + "/runs")
            try Files.createDirectory(runs.path)
            journal = try Journal(path: runs.journalPath)
            let run = runs.run("run-1")
            try Files.createDirectory(run.path)
            lock = try HarnessLock(path: run.harnessLockPath)
            let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
            let summaries = (1...trials).map { number in
                var summary = TrialSummary(
                    plan: TrialPlan(alias: "trial-\(number)", model: "m", budget: USD(cents: 5)))
                summary.phase = .running
                summary.isRunning = true
                summary.startedAt = now
                summary.doing = "bash"
                summary.doingSince = now
                summary.lastActivity = now
                return summary
            }
            try await journal.begin(run, trials: summaries, at: now)
        }

        func follow(_ more: [String] = [], _ changes: [String: String] = [:], columns: Int = 100, rows: Int = 24)
            throws -> PseudoTerminal
        {
            var environment = ["TERM": "xterm-256color", "PATH": "/usr/bin:/bin", "HOME": path]
            environment.merge(changes) { $1 }
            return try PseudoTerminal(
                [CommandBench.executable, "status", "--follow", "--runs-dir", runs.path] + more,
                environment: environment, columns: columns, rows: rows)
        }
    }

    private func withRun(trials: Int = 3, _ body: (LivingRun) async throws -> Void) async throws {
        try await withTemporaryDirectory { path in try await body(try await LivingRun(path, trials: trials)) }
    }

    @Test func `the board follows resizes and keys, and gives the terminal back for q`() async throws {
        try await withRun(trials: 60) { run in
            let terminal = try run.follow()
            let before = terminal.modes
            #expect(await terminal.wait { $0.lines.contains { $0.hasPrefix("trial-1 ") } })
            #expect(terminal.screen.isAlternate && !terminal.screen.isCursorShown && terminal.isRaw)
            #expect(terminal.screen.lines[0].hasPrefix("run-1  "))
            // To the last column.
            #expect(await terminal.wait { $0.lines[23].hasSuffix("1-19 of 60 ↑↓  q ends this, not the run") })
            terminal.type("\u{1B}[6~")
            #expect(await terminal.wait { $0.lines.contains { $0.hasPrefix("trial-37 ") } })
            terminal.resize(columns: 60, rows: 12)
            #expect(await terminal.wait { $0.lines[11].contains(" of 60") && $0.lines[0].hasPrefix("run-1  ") })
            // An order from another terminal changes one trial.
            var summaries = try await run.journal.trials(run: "run-1").map(\.summary)
            summaries[18].doing = "read_file"
            try await run.journal.update([summaries[18]], run: "run-1", at: Timestamp(seconds: 1))
            #expect(await terminal.wait { $0.lines.contains { $0.hasPrefix("trial-19 ") && $0.contains("read") } })
            terminal.type("q")
            #expect(await terminal.end() == 0)
            #expect(!terminal.screen.isAlternate && terminal.screen.isCursorShown)
            #expect(terminal.modes.c_lflag == before.c_lflag && terminal.modes.c_iflag == before.c_iflag)
            // What stays on the terminal is a plain frame.
            #expect(terminal.screen.scrollback.contains("Run: run-1") && terminal.screen.unknown == [])
        }
    }

    @Test(
        arguments: [(SIGTERM, 143), (SIGINT, 130), (SIGHUP, 143), (SIGABRT, 256 + SIGABRT), (SIGSEGV, 256 + SIGSEGV)]
            as [(Int32, Int32)])
    func `whatever ends it, the terminal is as it was`(signal: Int32, status: Int32) async throws {
        try await withRun { run in
            let terminal = try run.follow()
            #expect(await terminal.wait { $0.lines.contains { $0.hasPrefix("trial-1 ") } })
            #expect(terminal.isRaw)
            kill(terminal.process, signal)
            #expect(await terminal.end() == status)
            #expect(!terminal.screen.isAlternate && terminal.screen.isCursorShown && !terminal.isRaw)
        }
    }

    @Test func `Ctrl-C and Ctrl-Z are signals as ever, and after fg the board is there again`() async throws {
        try await withRun { run in
            let terminal = try run.follow()
            #expect(await terminal.wait { $0.lines.contains { $0.hasPrefix("trial-1 ") } })
            kill(terminal.process, SIGTSTP)
            #expect(await terminal.wait { !$0.isAlternate })
            #expect(!terminal.isRaw)
            kill(terminal.process, SIGCONT)
            #expect(await terminal.wait { $0.isAlternate && $0.lines.contains { $0.hasPrefix("trial-2 ") } })
            #expect(terminal.isRaw)
            terminal.type("\u{3}")
            #expect(await terminal.end() == 130)
            #expect(!terminal.screen.isAlternate && !terminal.isRaw)
        }
    }

    @Test func `a frame that has not changed is not written again`() async throws {
        try await withRun(trials: 20) { run in
            let terminal = try run.follow()
            #expect(
                await terminal.wait { $0.lines.contains { $0.hasPrefix("trial-20 ") || $0.hasPrefix("trial-19 ") } })
            let first = terminal.written.count
            let start = terminal.screen.lines[0]
            #expect(await terminal.wait { $0.lines[0] != start })
            // The clock and the ages have moved, and nothing else: no screen is cleared.
            let later = String(decoding: terminal.written[first...], as: UTF8.self)
            #expect(!later.contains("[2J") && later.contains("\u{1B}[1;1H"))
            #expect(!later.contains("\u{1B}[4;1H"), "the columns' names were written again")
        }
    }

    @Test(arguments: [["TERM": "dumb"], ["TERM": ""], ["PREFLIGHT_PLAIN": "1"]])
    func `where no board can be drawn, or none is wanted, there are lines`(changes: [String: String]) async throws {
        try await withRun { run in
            let terminal = try run.follow([], changes)
            #expect(await terminal.wait { $0.scrollback.contains("trial-3: running") })
            #expect(!terminal.written.contains(0x1B))
            var summaries = try await run.journal.trials(run: "run-1").map(\.summary)
            summaries[1].outcome = .completed
            try await run.journal.update([summaries[1]], run: "run-1", at: Timestamp(seconds: 1))
            #expect(await terminal.wait { $0.scrollback.contains("trial-2: completed, $0.00") })
        }
    }

    @Test func `NO_COLOR takes the colours and leaves the board`() async throws {
        try await withRun { run in
            let terminal = try run.follow([], ["NO_COLOR": "1"])
            #expect(await terminal.wait { $0.lines.contains { $0.hasPrefix("trial-1 ") } })
            let text = String(decoding: terminal.written, as: UTF8.self)
            #expect(text.firstMatch(of: /\u{1B}\[[0-9;]*m/) == nil)
        }
    }

    @Test func `it ends with the run, and says how it ended`() async throws {
        try await withTemporaryDirectory { path in
            var run: LivingRun? = try await LivingRun(path, trials: 2)
            let terminal = try #require(try run?.follow())
            #expect(await terminal.wait { $0.lines.contains { $0.hasPrefix("trial-1 ") } })
            let journal = try #require(run?.journal)
            var summaries = try await journal.trials(run: "run-1").map(\.summary)
            for index in summaries.indices { summaries[index].outcome = .completed }
            try await journal.update(summaries, run: "run-1", at: Timestamp(seconds: 1))
            // Its process lets go of the lock.
            run = nil
            #expect(await terminal.end() == 0)
            #expect(terminal.screen.scrollback.contains("DONE") && !terminal.screen.isAlternate)
        }
    }

    @Test func `a terminal that is held by Ctrl-S at the end is let go, and as it was`() async throws {
        try await withTemporaryDirectory { path in
            var run: LivingRun? = try await LivingRun(path, trials: 2)
            let terminal = try #require(try run?.follow())
            #expect(await terminal.wait { $0.lines.contains { $0.hasPrefix("trial-1 ") } })
            terminal.type("\u{13}")
            #expect(await eventually(within: .seconds(10)) { !terminal.takesMore })
            let journal = try #require(run?.journal)
            var summaries = try await journal.trials(run: "run-1").map(\.summary)
            for index in summaries.indices { summaries[index].outcome = .completed }
            try await journal.update(summaries, run: "run-1", at: Timestamp(seconds: 1))
            run = nil
            #expect(await terminal.end() == 0)
            #expect(terminal.screen.scrollback.contains("DONE"))
            #expect(!terminal.screen.isAlternate && terminal.screen.isCursorShown && !terminal.isRaw)
        }
    }

    @Test func `a terminal that takes nothing keeps nothing from its end`() async throws {
        try await withRun(trials: 60) { run in
            let terminal = try run.follow()
            #expect(await terminal.wait { $0.lines.contains { $0.hasPrefix("trial-1 ") } })
            // Nobody reads any more, and there is more than fits into what lies between.
            var width = 400
            let isFull = await eventually(within: .seconds(20)) {
                width = width == 400 ? 399 : 400
                terminal.resize(columns: width, rows: 100)
                return !terminal.takesMore
            }
            #expect(isFull)
            kill(terminal.process, SIGTERM)
            #expect(await terminal.endUnread() == 143)
            #expect(!terminal.isRaw)
        }
    }

    @Test func `for programs there is an object a line`() async throws {
        try await withTemporaryDirectory { path in
            var run: LivingRun? = try await LivingRun(path, trials: 2)
            let journal = try #require(run?.journal)
            var summaries = try await journal.trials(run: "run-1").map(\.summary)
            summaries[0].outcome = .ejected
            try await journal.update([summaries[0]], run: "run-1", at: Timestamp(seconds: 1))
            run = nil
            let pipe = Pipe()
            let process = Process()
            process.executableURL = URL(fileURLWithPath: CommandBench.executable)
            process.arguments = ["status", "--follow", "--json"]
            process.currentDirectoryURL = URL(fileURLWithPath: path)
            process.standardOutput = pipe
            try process.run()
            let lines = [UInt8](pipe.fileHandleForReading.readDataToEndOfFile()).split(separator: 0x0A)
            process.waitUntilExit()
            let objects = try lines.map { try JSON.parse($0) }
            #expect(objects.map { $0["type"]?.string } == ["run", "trial", "trial"])
            #expect(
                objects[0]["alive"] == false && objects[1]["outcome"] == "ejected" && objects[2]["outcome"] == "lost")
            #expect(process.terminationStatus == 0)
        }
    }

    @Test func `the board of a moment is a picture`() async throws {
        try await withRun { run in
            func status(_ arguments: [String]) async throws -> (text: String, code: Int32) {
                let pipe = Pipe()
                let process = Process()
                process.executableURL = URL(fileURLWithPath: CommandBench.executable)
                process.arguments = ["status"] + arguments
                process.currentDirectoryURL = URL(fileURLWithPath: run.path)
                process.standardOutput = pipe
                process.standardError = FileHandle.nullDevice
                try process.run()
                let bytes = pipe.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                return (String(decoding: bytes, as: UTF8.self), process.terminationStatus)
            }
            let picture = try await status(["--svg", "--size", "100x20"])
            #expect(picture.code == 0 && picture.text.hasPrefix("<svg ") && picture.text.contains(">trial-2<"))
            #expect(try await status(["--svg", "--size", "9x9"]).code == 64)
            #expect(try await status(["--svg", "--follow"]).code == 64)
        }
    }
}
