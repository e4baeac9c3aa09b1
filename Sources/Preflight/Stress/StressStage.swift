import Containers
import Foundation
import Harness
import PreflightCore
import Simulator
import Store

/// The suite from its flags to its exit status.
struct StressStage {
    var seed: UInt64?
    var isLong: Bool
    var only: [String]
    var isJSON: Bool
    var keeps: Bool

    private var terminal: Terminal { .shared }

    func run() async throws {
        let seed = seed ?? UInt64.random(in: 1...999_999)
        let nonce = String(UInt32.random(in: 0..<(.max)), radix: 36)
        let plan = try StressPlan.make(seed: seed, nonce: nonce, isLong: isLong, only: only)
        let environment = try Settings().environment
        let docker = Docker(environment: environment)
        let bridge = try await bridge(docker)
        let directory = FileManager.default.temporaryDirectory.path + "/preflight-stress-\(nonce)"
        try Files.createDirectory(directory)
        let again = ["preflight stress --seed \(seed)"] + (isLong ? ["--long"] : []) + only.map { "--only \($0)" }
        terminal.say("seed \(seed); the same again: \(again.joined(separator: " "))")
        let stop = StopSignal()
        let signals = Signals(stop: stop)
        let harvest = StressHarvest()
        let outcome = await cancelling(when: stop) {
            await injectAll(plan, in: directory, environment, docker, bridge: bridge, harvest)
        }
        if keeps {
            terminal.say("kept: \(directory)")
        } else {
            try? FileManager.default.removeItem(atPath: directory)
        }
        let report = StressReport(seed: seed, results: harvest.ordered)
        // Hours of it are not thrown away because it was cut short.
        if !report.results.isEmpty {
            terminal.data(isJSON ? report.json.prettyText : report.text(width: terminal.tableWidth))
        }
        if let status = signals.exitStatus {
            terminal.say("cut short: what was injected until then stands above")
            throw status
        }
        try outcome.get()
        if let refusal = report.refusal { throw refusal }
        if !report.isWell { throw ExitStatus.no }
    }

    private func bridge(_ docker: Docker) async throws -> String {
        do {
            _ = try await docker.image(StressAgent.image)
            guard let address = try await docker.bridgeAddress() else {
                throw DockerFailure(kind: .other, message: "the engine has no bridge network that this machine is on")
            }
            return address
        } catch let failure as DockerFailure where failure.kind == .imageMissing {
            throw PreflightError(.refused, failure.message, hint: "images/base/build makes it")
        } catch let failure as DockerFailure {
            throw PreflightError(.refused, failure.message, hint: failure.hint)
        }
    }

    private func injectAll(
        _ plan: StressPlan, in directory: String, _ environment: [String: String], _ docker: Docker, bridge: String,
        _ harvest: StressHarvest
    ) async -> Result<Void, any Error> {
        var options = SimulatorOptions()
        options.usageDelay = .milliseconds(200)
        options.generationDelay = .milliseconds(300)
        options.cancelledGenerationDelay = .milliseconds(500)
        options.credits = USD(cents: 100_000)
        options.seed = plan.seed
        let terminal = terminal
        do {
            let executable = try DetachStage.executable()
            return .success(
                try await SimulatorServer.withServer(options, addresses: [.init(host: bridge, port: 0)]) {
                    server, bound in
                    guard let address = bound.first else { return }
                    // The engine that the suite itself uses, which `.env` may name.
                    var environment = environment.filter {
                        ["PATH", "HOME"].contains($0.key) || $0.key.hasPrefix("DOCKER_")
                    }
                    environment["OPENROUTER_BASE_URL"] = address.baseURL
                    environment["OR_ADMIN_KEY"] = options.managementKey
                    environment["OPENROUTER_API_KEY"] = options.ordinaryKey
                    let bench = StressBench(
                        directory: directory, server: server, environment: environment, executable: executable,
                        docker: docker, say: { terminal.say($0) })
                    try await StressSuite(plan: plan, bench: bench, harvest: harvest).run()
                })
        } catch {
            return .failure(error)
        }
    }
}
