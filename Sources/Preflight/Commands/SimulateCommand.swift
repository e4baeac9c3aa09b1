import ArgumentParser
import Containers
import Harness
import PreflightCore
import Simulator

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Be OpenRouter on this machine: real catalogue and prices, capped keys, models that act by script.",
        discussion: """
            Examples:
              preflight simulate
              preflight simulate --scenario fates --listen 127.0.0.1:8787
              preflight simulate --scenario my-scenario.json --credits 5 --usage-delay 8s

            Bundled scenarios: \(Scenario.bundled.keys.sorted().joined(separator: ", ")). No money is spent and
            nothing leaves the machine. It also listens on Docker's bridge, so that containers reach it.
            Faults, the bill and the keys: /_simulator/state on the same port, see docs/simulator.md.
            """)

    @Option(help: ArgumentHelp("What its models do: a bundled scenario or a JSON file.", valueName: "NAME|FILE"))
    var scenario: String = "echo"

    @Option(help: ArgumentHelp("Where to listen; port 0 picks a free one.", valueName: "HOST:PORT"))
    var listen: String = "127.0.0.1:8787"

    @Option(help: ArgumentHelp("Dollars on the account.", valueName: "USD"))
    var credits: String = "100"

    @Option(help: ArgumentHelp("How late a key's usage shows what it spent.", valueName: "TIME"))
    var usageDelay: String = "1s"

    @Flag(inversion: .prefixedNo, help: "Listen on Docker's bridge too.")
    var containers = true

    func run() async throws {
        var options = SimulatorOptions()
        options.scenario = try Scenario.load(scenario)
        guard let dollars = Quantity.usd(credits), dollars >= .zero else {
            throw PreflightError(.usage, "--credits '\(credits)': expected dollars")
        }
        options.credits = dollars
        guard let delay = Quantity.duration(usageDelay) else {
            throw PreflightError(.usage, "--usage-delay '\(usageDelay)': expected a time, such as 2s")
        }
        options.usageDelay = delay

        let addresses = try await addresses()
        let stop = StopSignal()
        let signals = Signals(stop: stop, isQuiet: true)
        do {
            try await SimulatorServer.withServer(options, addresses: addresses) { _, bound in
                announce(bound, options)
                await stop.wait(for: .graceful)
            }
        } catch {
            throw PreflightError(
                .failed, "cannot listen on \(addresses.map(\.description).joined(separator: " and ")): \(error)",
                hint: "another port: --listen 127.0.0.1:8788")
        }
        if let status = signals.exitStatus { throw status }
    }

    private func addresses() async throws -> [SimulatorServer.Address] {
        guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]),
            (0...65535).contains(port), colon != listen.startIndex
        else { throw PreflightError(.usage, "--listen '\(listen)': expected HOST:PORT") }
        let host = String(listen[..<colon])
        let main = SimulatorServer.Address(host: host, port: port)
        guard containers, port != 0, ContainerAddress.meansThisMachine(host), host != "0.0.0.0", host != "::",
            let bridge = try? await Docker().bridgeAddress(), HostAddress.isLocal(bridge)
        else { return [main] }
        return [main, SimulatorServer.Address(host: bridge, port: port)]
    }

    private func announce(_ bound: [SimulatorServer.Address], _ options: SimulatorOptions) {
        guard let main = bound.first else { return }
        Terminal.shared.data(
            """
            # OpenRouter is simulated at \(bound.map(\.baseURL).joined(separator: " and ")), scenario \(scenario)
            export OPENROUTER_BASE_URL=\(main.baseURL)
            export OR_ADMIN_KEY=\(options.managementKey)
            export OPENROUTER_API_KEY=\(options.ordinaryKey)
            """)
    }
}
