import Containers
import Harness
import PreflightCore
import Store
import Synchronization
import TestSupport
import Testing

/// A sweep takes what is dead on the whole machine, so nothing may be dead on purpose while another test sweeps.
@Suite(.serialized) struct OrphanTests {}

extension OrphanTests {
    @Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: hasDocker, "needs Docker and images/agent/build"))
    struct GuardTests {
        /// A container of a run, as a harness makes one.
        private func container(_ bench: Bench, _ run: String, _ trial: String, until: Timestamp) async throws {
            let directory = bench.runs.run(run)
            let name = "preflight-\(run)-\(trial)"
            _ = try await bench.journal.intend(
                .container, name: name, run: run, trial: trial, until: until, at: bench.world.now())
            try await bench.docker.command([
                "run", "--detach", "--init", "--name", name, "--label", "\(Names.runLabel)=\(run)", "--label",
                "\(Names.lockLabel)=\(directory.harnessLockPath)", "--label",
                "\(Names.untilLabel)=\(until.secondsSince1970)", Bench.image, "sleep", "120",
            ])
        }

        private func begin(_ bench: Bench, _ run: String) async throws -> HarnessLock {
            try Files.createDirectory(bench.runs.run(run).path)
            let lock = try HarnessLock(path: bench.runs.run(run).harnessLockPath)
            try await bench.journal.begin(bench.runs.run(run), trials: [], at: bench.world.now())
            return lock
        }

        private func watcher(
            _ bench: Bench, _ run: String, _ said: Said, grace: Duration? = nil, world: World? = nil,
            standstill: Duration = .seconds(1)
        ) -> RunGuard {
            var pace = RunGuard.Pace()
            pace.lock = .milliseconds(50)
            pace.engine = .milliseconds(200)
            pace.lease = .milliseconds(200)
            pace.lateness = .zero
            pace.standstill = standstill
            return RunGuard(
                directory: bench.runs.run(run), docker: bench.docker, world: world ?? bench.world, grace: grace,
                pace: pace, say: said.note)
        }

        private final class Said: Sendable {
            private let lines = Mutex<[String]>([])
            private let listen: @Sendable (String) -> Void
            init(_ listen: @escaping @Sendable (String) -> Void = { _ in }) { self.listen = listen }
            var all: [String] { lines.withLock { $0 } }
            func note(_ line: String) {
                lines.withLock { $0.append(line) }
                listen(line)
            }
            func has(_ text: String) -> Bool { all.contains { $0.contains(text) } }
        }

        private final class Box<Value: Sendable>: Sendable {
            let value: Mutex<Value>
            init(_ value: Value) { self.value = Mutex(value) }
        }

        private func names(_ bench: Bench, _ run: String) async throws -> [String] {
            try await bench.docker.containers(label: "\(Names.runLabel)=\(run)").map(\.name)
        }

        @Test func `containers end at their own time once nobody watches, and who takes the run over keeps them`()
            async throws
        {
            try await withBench { bench in
                let said = Said()
                let run = "run-guard-\(bench.world.nonce(8))"
                let other = "run-guard-\(bench.world.nonce(8))"
                var held: HarnessLock? = try await begin(bench, run)
                let otherLock = try await begin(bench, other)
                try await container(bench, run, "late", until: bench.world.now() + .seconds(3600))
                try await container(bench, run, "soon", until: bench.world.now() + .seconds(4))
                try await container(bench, other, "alien", until: bench.world.now())
                async let watching: Void = watcher(bench, run, said).watch()
                held = nil
                #expect(await eventually { said.has("may go on until") })
                #expect(try await eventually { try await names(bench, run) == ["preflight-\(run)-late"] })

                // Taken over: what would be due stays.
                #expect(
                    await eventually {
                        held = try? HarnessLock(path: bench.runs.run(run).harnessLockPath)
                        return held != nil
                    })
                #expect(await eventually { said.has("is watched again") })
                try await container(bench, run, "due", until: bench.world.now() + .seconds(1))
                let due = bench.world.now() + .seconds(2)
                #expect(await eventually { bench.world.now() > due })
                #expect(try await names(bench, run).count == 2)

                // Its run ends in good order: the guard goes without a word.
                try await bench.journal.finish(run: run, exitStatus: 0, at: bench.world.now())
                held = nil
                await watching
                #expect(try await names(bench, run).count == 2)
                #expect(try await names(bench, other) == ["preflight-\(other)-alien"])
                #expect(Set(try await bench.journal.resourcesLeft().map(\.name)).contains("preflight-\(run)-late"))
                #expect(!(try await bench.journal.resourcesLeft().map(\.name)).contains("preflight-\(run)-soon"))
                withExtendedLifetime((held, otherLock)) {}
                for name in try await names(bench, run) + names(bench, other) { try await bench.docker.remove(name) }
            }
        }

        @Test func `a grace ends them sooner, and the network goes with the last`() async throws {
            try await withBench { bench in
                let said = Said()
                let run = "run-guard-\(bench.world.nonce(8))"
                var held: HarnessLock? = try await begin(bench, run)
                try await container(bench, run, "a", until: bench.world.now() + .seconds(3600))
                try await bench.docker.createNetwork(
                    "preflight-\(run)",
                    labels: [
                        .init(name: Names.runLabel, value: run),
                        .init(name: Names.lockLabel, value: bench.runs.run(run).harnessLockPath),
                    ])
                // Meant to be made when its harness died, and never there.
                let never = try await bench.journal.intend(
                    .container, name: "preflight-\(run)-never", run: run, trial: "b", at: bench.world.now())
                async let watching: Void = watcher(bench, run, said, grace: .milliseconds(500)).watch()
                held = nil
                await watching
                #expect(try await names(bench, run).isEmpty)
                #expect(try await bench.docker.networks(label: "\(Names.runLabel)=\(run)").isEmpty)
                #expect(try await bench.journal.resourcesLeft().isEmpty, "\(said.all)")
                #expect(try await bench.journal.resource(never) == nil)
                withExtendedLifetime(held) {}
            }
        }

        @Test func `what is taken up while a guard closes a run stays, and is watched by the same guard`() async throws
        {
            try await withBench { bench in
                let run = "run-guard-\(bench.world.nonce(8))"
                let directory = bench.runs.run(run)
                var held: HarnessLock? = try await begin(bench, run)
                for name in ["one", "two"] {
                    try await bench.docker.createNetwork(
                        "preflight-\(run)-\(name)",
                        labels: [
                            .init(name: Names.runLabel, value: run),
                            .init(name: Names.lockLabel, value: directory.harnessLockPath),
                        ])
                }
                let old = try await bench.journal.intend(
                    .container, name: "preflight-\(run)-old", run: run, trial: "a", at: bench.world.now())
                // Somebody takes the run up right when the first of its networks goes.
                let (taken, isFirst) = (Box<HarnessLock?>(nil), Box(true))
                let said = Said { line in
                    guard line.hasPrefix("removed network"), isFirst.value.withLock({ $0 }) else { return }
                    isFirst.value.withLock { $0 = false }
                    taken.value.withLock { $0 = try? HarnessLock(path: directory.harnessLockPath) }
                }
                let guardian = watcher(bench, run, said)
                let watching = Task { await guardian.watch() }
                held = nil
                #expect(await eventually { taken.value.withLock { $0 != nil } })
                let time = bench.world.uptime() + .seconds(2)
                #expect(await eventually { bench.world.uptime() > time })
                #expect(try await bench.docker.networks(label: "\(Names.runLabel)=\(run)").count == 1)
                #expect(try await bench.journal.resource(old)?.state == .intended)
                #expect(!said.has("runs any more"), "\(said.all)")
                // It dies as well, and the guard is still there, with what it was told last.
                try Files.replace(directory.guardGracePath, with: "500ms")
                try await container(bench, run, "new", until: bench.world.now() + .seconds(3600))
                taken.value.withLock { $0 = nil }
                await watching.value
                #expect(try await names(bench, run).isEmpty)
                #expect(try await bench.docker.networks(label: "\(Names.runLabel)=\(run)").isEmpty)
                #expect(try await bench.journal.resourcesLeft().isEmpty, "\(said.all)")
                withExtendedLifetime(held) {}
            }
        }

        @Test func `what a guard ends at the wall limit has reached it, however the harness hears of that`()
            async throws
        {
            try await withBench(forContainers: true) { bench in
                let told = Told()
                // Ignores the guard's first word, or obeys it and says that all is well, or is gone before it is asked.
                let field = bench.field(
                    [
                        "deaf": "trap '' TERM; echo up; while :; do sleep 0.2; done",
                        "kind": "trap 'exit 0' TERM; echo up; while :; do sleep 0.2; done",
                        "gone": "echo up; sleep 60", "done": "echo up; sleep 60",
                    ], told: told)
                let run = field.directory.id
                async let running = bench.run(field)
                #expect(await eventually { ["deaf", "kind", "gone", "done"].allSatisfy { told.has("running \($0)") } })
                let names = try await names(bench, run)
                func name(_ trial: String) throws -> String {
                    try #require(names.first { $0.contains("-\(trial)-") })
                }
                // As a guard whose harness stood still does, which then goes on in between.
                let reader = try LedgerReader(path: bench.runs.journalPath)
                try await reader.execute(
                    "UPDATE resource SET until_us = 1 WHERE kind = 'container' AND trial <> 'done'")
                for entry in try await bench.journal.resourcesLeft() where entry.kind == .container {
                    try await bench.journal.ended(entry.id, at: bench.world.now())
                }
                try await bench.docker.stop(try name("deaf"), grace: .seconds(1))
                try await bench.docker.stop(try name("kind"), grace: .seconds(5))
                try await bench.docker.remove(try name("gone"))
                // Ended before its time, by a grace: that is no wall limit.
                try await bench.docker.remove(try name("done"))
                let result = try await running
                for trial in result.trials where trial.alias != "done" {
                    #expect(trial.outcome == .ejected, "\(trial.alias): \(trial.reason ?? "")")
                    #expect(trial.reason?.hasPrefix("wall: ran for") == true, "\(trial.alias): \(trial.reason ?? "")")
                }
                let early = try #require(result.trials.first { $0.alias == "done" })
                #expect(early.outcome == .dockerFailed && early.cause == "container_removed", "\(early.reason ?? "")")
                try await bench.expectNothingLeft(of: run)
            }
        }

        @Test func `a clock that is set forward ends nothing of a harness that lives`() async throws {
            try await withBench { bench in
                let said = Said()
                let run = "run-guard-\(bench.world.nonce(8))"
                let lock = try await begin(bench, run)
                try await container(bench, run, "healthy", until: bench.world.now() + .seconds(600))
                try await bench.journal.takeLease(run: run, holder: "h", until: bench.world.now() + .seconds(30))
                let jump = Box(Duration.zero)
                var world = bench.world
                world.now = { [now = bench.world.now] in now() + jump.value.withLock { $0 } }
                let (guardian, now) = (watcher(bench, run, said, world: world, standstill: .seconds(5)), world.now)
                let watching = Task { await guardian.watch() }
                jump.value.withLock { $0 = .seconds(3600) }
                // By then the guard has seen the lapsed lease; it is renewed as after each pause.
                let (seen, end) = (bench.world.uptime() + .milliseconds(600), bench.world.uptime() + .seconds(12))
                #expect(await eventually { bench.world.uptime() > seen })
                let isOver = try await eventually {
                    _ = try await bench.journal.renewLease(run: run, holder: "h", until: now() + .seconds(30))
                    return bench.world.uptime() > end
                }
                #expect(isOver)
                #expect(try await names(bench, run) == ["preflight-\(run)-healthy"], "\(said.all)")
                watching.cancel()
                await watching.value
                withExtendedLifetime(lock) {}
                for name in try await names(bench, run) { try await bench.docker.remove(name) }
            }
        }

        @Test func `a harness that stands still has its overdue containers ended for it`() async throws {
            try await withBench { bench in
                let said = Said()
                let run = "run-guard-\(bench.world.nonce(8))"
                let lock = try await begin(bench, run)
                try await container(bench, run, "overdue", until: bench.world.now() + .seconds(1))
                try await container(bench, run, "not", until: bench.world.now() + .seconds(3600))
                try await bench.journal.takeLease(run: run, holder: "h", until: bench.world.now() + .seconds(3600))
                let guardian = watcher(bench, run, said)
                let watching = Task { await guardian.watch() }
                // Its lease holds: it is late, and alive.
                try await bench.journal.takeLease(run: run, holder: "h", until: bench.world.now() + .seconds(2))
                #expect(try await eventually { try await names(bench, run) == ["preflight-\(run)-not"] })
                #expect(said.has("is past its wall limit"))
                watching.cancel()
                await watching.value
                withExtendedLifetime(lock) {}
                for name in try await names(bench, run) { try await bench.docker.remove(name) }
            }
        }
    }
}
