import Containers
import Foundation
import Harness
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// What a field does when what it stands on fails.
@Suite(.serialized, .timeLimit(.minutes(3)), .enabled(if: hasDocker, "needs Docker and images/agent/build"))
struct WeatherFieldTests {
    private func cases(_ count: Int, _ script: String) -> KeyValuePairs<String, String> {
        // KeyValuePairs has no other way in.
        switch count {
        case 12:
            [
                "a": script, "b": script, "c": script, "d": script, "e": script, "f": script, "g": script,
                "h": script, "i": script, "j": script, "k": script, "l": script,
            ]
        default: ["a": script]
        }
    }

    @Test func `a field that gets no keys is ended at the tenth, and what had not begun does not begin`() async throws {
        try await withBench(forContainers: true) { bench in
            bench.server.addFault(Fault(.status, path: "/keys", method: "POST", count: nil, status: 401))
            let told = Told()
            let result = try await bench.run(
                bench.field(cases(12, "true"), told: told) { $0.experiment.concurrency = 1 })
            let outcomes = result.trials.map(\.outcome)
            #expect(outcomes.prefix(10).allSatisfy { $0 == .provisioningFailed })
            #expect(result.trials.prefix(10).allSatisfy { $0.cause == "key_refused" })
            let last = try #require(result.trials.last)
            #expect(last.outcome == .cancelled && last.startedAt != nil)
            #expect(last.reason?.hasPrefix("the field was ended after the same error 10 times: no sub-key") == true)
            let trip = try #require(result.breaker)
            #expect(trip.cause == "key_refused" && trip.times == 10)
            #expect(told.warnings.contains { $0.contains("after the same error 10 times") })
            let receipt = try JSON.parse(try Files.read(bench.runs.run(result.id).summaryPath))
            #expect(receipt["breaker"]?["cause"]?.string == "key_refused")
            #expect(try await bench.journal.run(result.id)?.exitStatus == Int(ExitStatus.no.rawValue))
            try await bench.expectNothingLeft(of: result.id)
        }
    }

    @Test func `a management API that is away for a while costs time, and no trial`() async throws {
        try await withBench(forContainers: true) { bench in
            // As often as was tried before.
            bench.server.addFault(Fault(.status, path: "/keys", method: "POST", count: 3, status: 503))
            let told = Told()
            let result = try await bench.run(
                bench.field(["a": "true", "b": "true", "c": "true"], told: told) { $0.experiment.concurrency = 1 })
            #expect(result.trials.map(\.outcome) == [.completed, .completed, .completed])
            #expect(told.warnings.count { $0.contains("a: no sub-key yet") } == 1, "\(told.warnings)")
            try await bench.expectNothingLeft(of: result.id)
        }
    }

    @Test func `whoever stops a field that waits for keys need not wait for them`() async throws {
        try await withBench(forContainers: true) { bench in
            bench.server.addFault(Fault(.status, path: "/keys", method: "POST", count: nil, status: 503))
            let (told, stop) = (Told(), StopSignal())
            let field = bench.field(["a": "true", "b": "true"], stop: stop, told: told)
            async let running = bench.run(field)
            #expect(await eventually { told.warnings.count { $0.contains("no sub-key yet") } == 2 })
            let began = bench.world.uptime()
            stop.raise(to: .graceful)
            let result = try await running
            #expect(bench.world.uptime() - began < .seconds(20))
            #expect(result.trials.map(\.outcome) == [.cancelled, .cancelled])
            #expect(try await bench.subKeys().isEmpty)
        }
    }

    @Test func `an image that is removed while a field runs fails the trials after, each with its cause`() async throws
    {
        try await withBench(forContainers: true) { bench in
            let tag = "preflight-test-gone-\(UInt32.random(in: 0..<(.max))):1"
            try await bench.docker.command(["tag", Bench.image, tag])
            let told = Told()
            let field = bench.field(["first": "echo a; sleep 3", "second": "true"], told: told) { plan in
                plan.imageID = tag
                plan.experiment.concurrency = 1
            }
            async let running = bench.run(field)
            #expect(await eventually { told.has("running first") })
            try await bench.docker.command(["rmi", tag])
            let result = try await running
            #expect(result.trials[0].outcome == .completed, "\(result.trials[0].reason ?? "")")
            #expect(result.trials[1].outcome == .imageFailed && result.trials[1].cause == "image_missing")
            #expect(result.trials[1].reason?.contains("build it") == true)
            try await bench.expectNothingLeft(of: result.id)
        }
    }

    /// - Parameters:
    ///   - machine: for which processor the program's header says that it is.
    ///   - hasShell: an engine's init lets the shell have a try at what the system does not run.
    @Test(arguments: [183, 62], [true, false])
    func `a program that the processor cannot run is the image's failure`(machine: UInt8, hasShell: Bool) async throws {
        try await withBench(forContainers: true) { bench in
            try await withTemporaryDirectory { directory in
                // A header without the program that it tells of; to a shell it looks like bad grammar.
                var program: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0] + Array(repeating: 0, count: 8)
                program += [2, 0, machine, 0, 1, 0, 0, 0] + Array("\n)((\n".utf8)
                try Files.replace("\(directory)/agent", with: program, mode: 0o755)
                let tag = "preflight-test-foreign-\(UInt32.random(in: 0..<(.max))):1"
                if hasShell {
                    let name = "preflight-test-foreign-\(UInt32.random(in: 0..<(.max)))"
                    try await bench.docker.command(["create", "--name", name, Bench.image])
                    try await bench.docker.command(["cp", "\(directory)/agent", "\(name):/agent"])
                    try await bench.docker.command(["commit", name, tag])
                    try await bench.docker.command(["rm", name])
                } else {
                    let packed = try await ProcessRunner().run(
                        "tar", ["-C", directory, "-c", "-f", "\(directory)/image.tar", "agent"])
                    #expect(packed.isSuccess)
                    try await bench.docker.command(["import", "\(directory)/image.tar", tag])
                }
                let field = bench.field(["a": "true"]) { plan in
                    plan.imageID = tag
                    plan.experiment.arguments = ["/agent"]
                }
                let result = try await bench.run(field)
                try await bench.docker.command(["rmi", tag])
                let trial = try #require(result.trials.first)
                #expect(
                    trial.outcome == .imageFailed && trial.cause == "image_unusable",
                    "\(trial.outcome?.rawValue ?? ""): \(trial.reason ?? "")")
                #expect(trial.reason?.contains("/agent") == true, "\(trial.reason ?? "")")
                if hasShell {
                    let words = "is a program for \(machine == 183 ? "arm64" : "x86-64") that cannot run here"
                    #expect(trial.reason?.contains(words) == true, "\(trial.reason ?? "")")
                }
                #expect(try await bench.subKeys().isEmpty)
                try await bench.expectNothingLeft(of: result.id)
            }
        }
    }

    @Test func `a container that is removed by hand is named as that`() async throws {
        try await withBench(forContainers: true) { bench in
            let told = Told()
            let field = bench.field(["a": "echo started; sleep 60"], told: told)
            async let running = bench.run(field)
            #expect(await eventually { told.has("running a") })
            for container in try await bench.docker.containers(label: "\(Names.runLabel)=\(field.directory.id)") {
                try await bench.docker.remove(container.name)
            }
            let trial = try #require(try await running.trials.first)
            #expect(trial.outcome == .dockerFailed && trial.cause == "container_removed")
            #expect(trial.reason?.contains("removed by somebody else") == true)
            let receipt = try JSON.parse(try Files.read(field.directory.trial("a").summaryPath))
            #expect(receipt["cause"]?.string == "container_removed")
            try await bench.expectNothingLeft(of: field.directory.id)
        }
    }

    // MARK: Keys that cannot be given back

    @Test func `a key that cannot be deleted is tried again for a while, and is gone in the end`() async throws {
        try await withBench(forContainers: true) { bench in
            // More failures than one request's own retries get over.
            bench.server.addFault(Fault(.status, path: "/keys/*", method: "DELETE", count: 6, status: 503))
            let told = Told()
            let result = try await bench.run(
                bench.field(["a": "true"], told: told) { $0.pace.giveBack = .seconds(60) })
            #expect(result.trials.first?.outcome == .completed && result.left.isEmpty)
            #expect(told.warnings.contains { $0.contains("cannot be deleted yet") })
            #expect(try bench.events(result.id, "a").contains { $0.type == "subkey_deleted" })
            try await bench.expectNothingLeft(of: result.id)
        }
    }

    @Test func `a key that stays is in the receipt and in the exit status, and a sweep takes it`() async throws {
        try await withBench(forContainers: true) { bench in
            bench.server.addFault(Fault(.status, path: "/keys/*", method: "DELETE", count: nil, status: 503))
            let result = try await bench.run(bench.field(["a": "true"]) { $0.pace.giveBack = .seconds(1) })
            let name = Names.subKey(run: result.id, trial: "a")
            #expect(result.trials.first?.outcome == .completed)
            #expect(result.left == ["sub-key \(name)"] && result.trials.first?.left == result.left)
            let receipt = try JSON.parse(try Files.read(bench.runs.run(result.id).summaryPath))
            #expect(receipt["left"]?.array?.compactMap(\.string) == ["sub-key \(name)"])
            #expect(try await bench.journal.run(result.id)?.exitStatus == Int(ExitStatus.no.rawValue))
            #expect(try await bench.subKeys() == [name])
            bench.server.removeFaults()
            let swept = await bench.sweeper(of: result.id).sweep(force: false)
            #expect(swept.removed.contains { $0.name == name })
            try await bench.expectNothingLeft(of: result.id)
        }
    }
}
