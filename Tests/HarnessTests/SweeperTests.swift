import Containers
import Harness
import OpenRouter
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

extension OrphanTests {
    @Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: hasDocker, "needs Docker and images/agent/build"))
    struct SweeperTests {
        /// What a harness that died at the worst moment leaves: a container, a network, a key whose hash was not written.
        private func leaveBehind(_ bench: Bench, run: String, until: Timestamp? = nil) async throws -> String {
            let directory = bench.runs.run(run)
            try Files.createDirectory(directory.path)
            let name = "preflight-\(run)-a-test"
            _ = try await bench.journal.intend(
                .container, name: name, run: run, trial: "a", until: until, at: bench.world.now())
            _ = try await bench.docker.command([
                "create", "--name", name, "--label", "\(Names.runLabel)=\(run)", "--label", "\(Names.trialLabel)=a",
                "--label", "\(Names.lockLabel)=\(directory.harnessLockPath)", Bench.image, "true",
            ])
            let network = "preflight-\(run)-test"
            _ = try await bench.journal.intend(.network, name: network, run: run, trial: nil, at: bench.world.now())
            try await bench.docker.createNetwork(
                network,
                labels: [
                    .init(name: Names.runLabel, value: run),
                    .init(name: Names.lockLabel, value: directory.harnessLockPath),
                ])
            let key = Names.subKey(run: run, trial: "a")
            _ = try await bench.journal.intend(.subkey, name: key, run: run, trial: "a", at: bench.world.now())
            _ = try await bench.management.createSubKey(name: key, limit: USD(cents: 1), expiresAt: nil)
            return directory.harnessLockPath
        }

        @Test func `what a dead run left is found and removed, what a living one has is not touched`() async throws {
            try await withBench { bench in
                let dead = "run-dead-\(bench.world.nonce(6))"
                let living = "run-living-\(bench.world.nonce(6))"
                let deadLock = try await leaveBehind(bench, run: dead)
                let livingLock = try await leaveBehind(bench, run: living)
                _ = try HarnessLock(path: deadLock)
                let held = try HarnessLock(path: livingLock)
                defer { withExtendedLifetime(held) {} }

                let found = await bench.sweeper.find()
                #expect(found.blind.isEmpty)
                #expect(Set(found.removed.filter { $0.run == dead }.map(\.kind)) == [.container, .network, .subkey])
                #expect(!found.removed.contains { $0.run == living } && !found.kept.contains { $0.run == living })

                let swept = await bench.sweeper.sweep(force: false)
                #expect(swept.failed.isEmpty)
                #expect(try await bench.docker.containers(label: "\(Names.runLabel)=\(dead)").isEmpty)
                #expect(try await bench.docker.networks(label: "\(Names.runLabel)=\(dead)").isEmpty)
                #expect(try await bench.subKeys() == [Names.subKey(run: living, trial: "a")])
                let left = try await bench.journal.resourcesLeft()
                #expect(Set(left.map(\.run)) == [living])
                #expect(try await bench.docker.containers(label: "\(Names.runLabel)=\(living)").count == 1)

                for container in try await bench.docker.containers(label: "\(Names.runLabel)=\(living)") {
                    try await bench.docker.remove(container.name)
                }
                for network in try await bench.docker.networks(label: "\(Names.runLabel)=\(living)") {
                    try await bench.docker.removeNetwork(network.name)
                }
            }
        }

        @Test func `a run that is taken up while a sweep looks keeps what it has`() async throws {
            try await withBench { bench in
                let run = "run-taken-\(bench.world.nonce(6))"
                let lock = try await leaveBehind(bench, run: run)
                _ = try HarnessLock(path: lock)
                bench.server.addFault(Fault(.delay, path: "/keys", method: "GET", count: 1, delay: .seconds(5)))
                async let sweeping = bench.sweeper(of: run).sweep(force: false)
                // The engine is looked at by then, and OpenRouter not yet.
                let time = bench.world.uptime() + .seconds(2)
                #expect(await eventually { bench.world.uptime() > time })
                let held = try HarnessLock(path: lock)
                let swept = await sweeping
                #expect(swept.removed.isEmpty && swept.failed.isEmpty)
                #expect(swept.kept.allSatisfy { $0.keepReason == "its run was taken up meanwhile" })
                let label = "\(Names.runLabel)=\(run)"
                #expect(try await bench.docker.containers(label: label).count == 1)
                #expect(try await bench.docker.networks(label: label).count == 1)
                #expect(try await bench.subKeys() == [Names.subKey(run: run, trial: "a")])
                #expect(try await bench.journal.resourcesLeft().count == 3)
                for container in try await bench.docker.containers(label: label) {
                    try await bench.docker.remove(container.name)
                }
                for network in try await bench.docker.networks(label: label) {
                    try await bench.docker.removeNetwork(network.name)
                }
                withExtendedLifetime(held) {}
            }
        }

        @Test func `keys of runs that are not known here are kept until they expire, unless forced`() async throws {
            try await withBench { bench in
                let future = bench.world.now() + .seconds(3600)
                _ = try await bench.management.createSubKey(
                    name: "preflight:run-elsewhere:a", limit: USD(cents: 1), expiresAt: future)
                _ = try await bench.management.createSubKey(name: "mine", limit: USD(cents: 1), expiresAt: future)
                let swept = await bench.sweeper.sweep(force: false)
                // Containers of the whole machine are looked at: those are not this test's.
                func keys(_ findings: [Sweeper.Finding]) -> [String] {
                    findings.filter { $0.kind == .subkey }.map(\.name)
                }
                #expect(keys(swept.removed).isEmpty && keys(swept.kept) == ["preflight:run-elsewhere:a"])
                let forced = await bench.sweeper.sweep(force: true)
                #expect(keys(forced.removed) == ["preflight:run-elsewhere:a"])
                #expect(try await bench.management.subKeys().contains { $0.name == "mine" })
            }
        }

        @Test func `without a management key a sweep is blind only where the journal knows of a key`() async throws {
            try await withBench { bench in
                let keyless = Sweeper(
                    docker: bench.docker, management: nil, journal: bench.journal, runs: bench.runs, world: bench.world)
                #expect(!(await keyless.find()).blind.contains { $0.hasPrefix("sub-keys:") })
                _ = try await bench.journal.intend(
                    .subkey, name: "preflight:run-1:a", run: "run-1", trial: "a", until: bench.world.now(),
                    at: bench.world.now())
                #expect((await keyless.find()).blind == ["sub-keys: no management key; set OR_ADMIN_KEY"])
            }
        }

        @Test func `what cannot be looked at is said`() async throws {
            try await withBench { bench in
                bench.server.addFault(Fault(.status, path: "/keys", count: nil, status: 401))
                let found = await bench.sweeper.find()
                #expect(found.blind.count == 1 && found.blind[0].hasPrefix("sub-keys:"))
            }
        }
    }
}
