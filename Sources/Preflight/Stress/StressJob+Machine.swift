import Containers
import Foundation
import PreflightCore
import Store

// MARK: The disk

extension StressJob {
    /// A disk of the suite's own, in memory, that an agent fills; then there is room again.
    func fillDisk(_ fault: StressFault) async throws -> StressResult {
        var result = result(fault)
        let directory = "\(bench.directory)/\(name)-disk"
        try Files.createDirectory(directory)
        let runner = ProcessRunner()
        guard geteuid() == 0,
            let mounted = try? await runner.run(
                "mount", ["-t", "tmpfs", "-o", "size=64m", "preflight-stress", directory]),
            mounted.isSuccess
        else {
            result.skipped = "a small disk can be made as root only"
            return result
        }
        let filled: Result<Void, any Error>
        do {
            result.verdicts = try await fill(directory, &result)
            filled = .success(())
        } catch {
            filled = .failure(error)
        }
        // Also where the suite is cut short. Without the disk there is no journal to sweep by.
        await Task {
            await litter.clear(of: name)
            _ = try? await runner.run("umount", ["-l", directory])
        }.value
        try filled.get()
        return result
    }

    private func fill(_ directory: String, _ result: inout StressResult) async throws -> [StressVerdict] {
        let own = StressBench(
            directory: directory, server: bench.server, environment: bench.environment, executable: bench.executable,
            docker: bench.docker, say: bench.say)
        try Files.replace(directory + "/seen", with: "yes")
        let seen = try? await bench.docker.command([
            "run", "--rm", "--network", "none", "--mount", "type=bind,source=\(directory),target=/disk",
            StressAgent.image,
            "cat", "/disk/seen",
        ])
        guard seen == "yes" else {
            result.skipped = "the engine does not see a disk that is made here"
            return []
        }
        let field = field(on: own) {
            $0.aliases = ["filler", "worker-1"]
            $0.steps = 200
        }
        try field.start()
        let isFull = await eventually(within: .seconds(60)) { free(directory) < 65_536 }
        guard isFull else {
            _ = try await end(field, within: .zero)
            return [.broken(.outcome, "the agent did not fill the disk")]
        }
        result.injected = 1
        // The harness notices, and ends the trials that it cannot keep a record of.
        let ended = await field.ended(within: .seconds(60))
        if ended == nil { try await field.kill() }
        try FileManager.default.removeItem(atPath: field.run.trial("filler").outputPath + "/filler")
        let finished = try await Journal(path: field.runs.journalPath).run(field.id)?.finishedAt != nil
        if !finished { try await field.takeUp() }
        // Where it could close its books, the process that met the full disk was the last.
        let failed = Int(ExitStatus.failed.rawValue)
        var (facts, faults) = try await end(field, allowing: finished ? [failed] : [0, 1, failed])
        // What the harness itself has left, before the sweep; a full disk keeps it from nothing but writing.
        let left = facts.left
        try await field.sweep(field.runIDs)
        facts.left = left + (try await field.left())
        faults += Self.faults(ofFullDisk: facts.trials, exitCode: ended, wasTakenUp: !finished)
        // What could not be written is not there: what is there must be whole, and the money right.
        return facts.verdicts.filter { [.overspend, .money, .leftovers].contains($0.promise) } + [.of(.outcome, faults)]
    }

    /// What is wrong with the end of a field whose disk was filled.
    ///
    /// - Parameters:
    ///   - exitCode: of the process that met the full disk; nil where it did not end.
    ///   - wasTakenUp: It could not write down how its trials ended, so that the next process may not know.
    static func faults(
        ofFullDisk trials: [FieldFacts.Trial], exitCode: Int?, wasTakenUp: Bool = false
    ) -> [String] {
        var faults: [String] = []
        switch exitCode {
        case nil: faults.append("the harness did not end within a minute of a full disk")
        case Int(ExitStatus.failed.rawValue): break
        case let code?: faults.append("its exit status on a full disk is \(code)")
        }
        guard let filler = trials.first(where: { $0.alias == "filler" }) else {
            return faults + ["nothing is known of the filler"]
        }
        let isNamed = filler.outcome == .harnessFailed && filler.cause == Verdict.recordFailed
        if !isNamed, !wasTakenUp || filler.outcome != .lost {
            let outcome = filler.outcome?.rawValue ?? "without an outcome"
            faults.append("the filler: \(outcome), cause \(filler.cause ?? "none")")
        }
        return faults
    }

    private func free(_ directory: String) -> Int {
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: directory)
        return attributes?[.systemFreeSize] as? Int ?? .max
    }
}

// MARK: The engine

extension StressJob {
    /// A second engine, with nothing in common with the one in use, is killed under a field and started again.
    func killEngine(_ fault: StressFault) async throws -> StressResult {
        var result = result(fault)
        guard geteuid() == 0, ["dockerd", "ip", "nsenter"].allSatisfy(Files.isProgram) else {
            result.skipped = "a second engine needs root, dockerd, ip and nsenter"
            return result
        }
        let engine = StressEngine(directory: "\(bench.directory)/\(name)-engine", name: name)
        do {
            try await engine.makeNamespace()
            try await engine.start()
            try await engine.load(StressAgent.image, from: bench.docker)
        } catch {
            result.skipped = "a second engine does not start here: \(error)"
            await Task { await engine.end() }.value
            return result
        }
        let killed: Result<Void, any Error>
        do { killed = .success(try await kill(engine, &result)) } catch { killed = .failure(error) }
        // Also where the suite is cut short. Without the engine nothing can be swept in it.
        await Task {
            await litter.clear(of: name)
            await engine.end()
        }.value
        try killed.get()
        return result
    }

    private func kill(_ engine: StressEngine, _ result: inout StressResult) async throws {
        let own = bench.with(engine)
        for number in 1...item.count {
            let field = field(number, on: own) {
                $0.aliases = ["worker-1", "worker-2", "worker-3"]
                $0.steps = 60
            }
            try field.start()
            let haveBegun = await eventually(within: .seconds(60)) {
                field.plan.aliases.allSatisfy { field.progress($0) > 3 }
            }
            guard haveBegun else {
                _ = try await end(field, within: .zero)
                result.verdicts.append(.broken(.outcome, "not all agents of \(field.id) began"))
                continue
            }
            await engine.crash()
            try await engine.start()
            result.injected += 1
            // The engine is back: what could not be removed while it was away is removed at the end, without a sweep.
            var (facts, faults) = try await end(field)
            for trial in facts.trials {
                guard trial.outcome == .completed || trial.outcome == .dockerFailed else {
                    faults.append("\(trial.alias): \(trial.outcome?.rawValue ?? "without an outcome")")
                    continue
                }
            }
            result.verdicts += facts.verdicts + [.of(.outcome, faults)]
        }
    }
}
