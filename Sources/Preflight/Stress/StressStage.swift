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
        let plan = StressPlan(
            seed: seed, nonce: nonce,
            items: [
                .init(fault: .killRandom, access: .direct, count: 3), .init(fault: .killRandom, access: .gateway, count: 3),
            ])
        terminal.say("seed \(seed): the same faults again with --seed \(seed)\(isLong ? " --long" : "")")
        let directory = FileManager.default.temporaryDirectory.path + "/preflight-stress-\(nonce)"
        try Files.createDirectory(directory)
        let docker = Docker()
        let bridge = try await docker.bridgeAddress() ?? "127.0.0.1"
        var options = SimulatorOptions()
        options.usageDelay = .milliseconds(200)
        options.cancelledGenerationDelay = .milliseconds(500)
        options.seed = seed
        let terminal = terminal
        let executable = try DetachStage.executable()
        let results = try await SimulatorServer.withServer(options, addresses: [.init(host: bridge, port: 0)]) {
            server, bound in
            var environment = ProcessInfo.processInfo.environment.filter {
                ["PATH", "HOME"].contains($0.key) || $0.key.hasPrefix("DOCKER_")
            }
            environment["OPENROUTER_BASE_URL"] = bound[0].baseURL
            environment["OR_ADMIN_KEY"] = options.managementKey
            environment["OPENROUTER_API_KEY"] = options.ordinaryKey
            let bench = StressBench(
                directory: directory, server: server, environment: environment, executable: executable, docker: docker,
                say: { terminal.say($0) })
            return try await StressSuite(plan: plan, bench: bench).run()
        }
        for result in results {
            terminal.data("\(result.fault) \(result.variant) \(result.injected) \(result.verdicts.count - result.broken.count)/\(result.verdicts.count)")
        }
    }
}
