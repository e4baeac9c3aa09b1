import Containers
import Foundation
import PreflightCore
import Store

/// A run in another directory that goes on beside all that is broken, and must not notice.
struct StressSibling: Sendable {
    let bench: StressBench
    let field: StressField
    let container: String

    static func start(_ bench: StressBench, _ litter: StressLitter) async throws -> StressSibling {
        let directory = bench.directory + "/sibling"
        try Files.createDirectory(directory)
        let own = StressBench(
            directory: directory, server: bench.server, environment: bench.environment, executable: bench.executable,
            docker: bench.docker, say: bench.say)
        let field = StressField(
            own,
            .init(
                access: .gateway, aliases: ["worker-1"], steps: 1_000_000, lines: ["limits: {wall: 1d}"]),
            name: "stress-sibling-\(UInt32.random(in: 0..<(.max)))")
        litter.add(field)
        try field.start()
        let hasBegun = await eventually(within: .seconds(60)) { field.progress("worker-1") > 2 || !field.isRunning }
        guard hasBegun, field.isRunning, let container = try await containers(own, field).first else {
            throw PreflightError(.refused, "not even an undisturbed run begins", hint: field.lastWords)
        }
        return StressSibling(bench: own, field: field, container: container)
    }

    private static func containers(_ bench: StressBench, _ field: StressField) async throws -> [String] {
        try await bench.docker.command(["ps", "-q", "--filter", "label=\(Names.runLabel)=\(field.id)"])
            .split(separator: "\n").map(String.init)
    }

    /// Whether it goes on as if nothing were.
    func verdict() async -> StressVerdict {
        guard field.isRunning else { return .broken(.siblings, "the sibling's harness has ended") }
        let before = field.progress("worker-1")
        let goesOn = await eventually(within: .seconds(30)) { field.progress("worker-1") > before }
        guard goesOn else { return .broken(.siblings, "the sibling's agent does not go on") }
        let containers = try? await Self.containers(bench, field)
        return containers == [container]
            ? .kept(.siblings) : .broken(.siblings, "the sibling's containers are \(containers ?? [])")
    }

    /// Stops it, and holds it to the same promises.
    func end() async throws -> [StressVerdict] {
        let stopped = try await bench.run(["stop", field.id])
        if await field.ended(within: .seconds(60)) == nil {
            await field.crash()
            try await field.sweep(field.runIDs)
        }
        let facts = try await field.facts()
        let isWell = stopped.exitCode == 0 && facts.trials.first?.outcome == .cancelled
        return facts.verdicts + [
            isWell ? .kept(.siblings) : .broken(.siblings, "the sibling did not stop well: \(stopped.stderrText)")
        ]
    }
}
