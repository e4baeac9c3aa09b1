import ArgumentParser
import Foundation
import Gateway
import Harness
import PreflightCore
import Store

struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "A proxy with hard budgets in front of OpenRouter, vLLM, OpenAI or Anthropic.",
        discussion: """
            Examples:
              OPENROUTER_API_KEY=sk-or-… preflight gateway --budget 5
              preflight gateway --config gateway.yaml
              preflight gateway --config gateway.yaml --listen 0.0.0.0:4000 --log calls.jsonl

            Before a call leaves, its worst case is reserved in the ledger; after it, its cost is settled. No caller
            can pass its budget. Callers are pointed at it by base URL and key alone: with --budget it prints both,
            otherwise `preflight keys create SCOPE` makes keys. It speaks OpenAI's and Anthropic's dialects.

            The file is read again when it changes, and on SIGUSR1: upstreams, prices, routes and budgets of calls to
            come follow it. The first SIGINT or SIGTERM lets calls under way end, the second breaks them off.
            """)

    @Option(help: ArgumentHelp("Upstreams, prices, budgets; see docs/gateway.schema.json.", valueName: "FILE"))
    var config: String?

    @Option(help: ArgumentHelp("Where callers come in.", valueName: "HOST:PORT"))
    var listen: String?

    @Option(help: ArgumentHelp("The budget API, health and metrics; off for none.", valueName: "HOST:PORT|off"))
    var console: String?

    @Option(help: ArgumentHelp("One budget for all callers, the scope `default`.", valueName: "USD"))
    var budget: String?

    @Option(help: ArgumentHelp("How much of a call is held while it runs.", valueName: "strict|adaptive"))
    var hold: String?

    @Option(help: ArgumentHelp("Append an event for each call, in JSON lines.", valueName: "FILE"))
    var log: String?

    @Option(help: ArgumentHelp("Event loops; one for each processor unless told.", valueName: "N"))
    var threads: Int?

    @Option(help: ArgumentHelp("How long calls under way may go on after a signal.", valueName: "TIME"))
    var grace: String = "30s"

    @Flag(name: [.short, .long], help: "Say a line for each call.")
    var verbose = false

    @Option(help: ArgumentHelp("Where the ledger lies.", valueName: "DIR"))
    var runsDir: String = "runs"

    func run() async throws {
        guard let grace = Quantity.duration(grace) else {
            throw PreflightError(.usage, "--grace '\(grace)': expected a time, such as 30s")
        }
        guard threads.map({ (1...256).contains($0) }) ?? true else {
            throw PreflightError(.usage, "--threads is 1…256, not \(threads ?? 0)")
        }
        let wiring = try Wiring(runsDirectory: runsDir)
        let configuration = try readConfiguration(wiring.settings)
        // The console's chats go in by the front door, with a key.
        ProxyExemption.add(configuration.listen.map(\.host))
        let options = GatewayService.Options(
            log: log, threads: threads, grace: grace, isVerbose: verbose,
            adminToken: wiring.settings.environment[GatewayService.adminVariable])
        // The command as it was given, so that its flags hold over the file whenever that is read. `.env` is read with
        // it: a key may be another one by then.
        let command = self
        let reread: (@Sendable () throws -> GatewayConfiguration)? =
            config == nil ? nil : { @Sendable in try command.readConfiguration(Settings()) }
        let service = GatewayService(
            configuration: configuration, reread: reread, ledgerPath: try ledgerPath(configuration, wiring),
            file: config, budget: try change(), options: options, wiring: wiring)
        let stop = StopSignal()
        let signals = Signals(stop: stop, isQuiet: true)
        try await service.run(until: stop)
        if let status = signals.exitStatus, status != .interrupted, status != .terminated { throw status }
    }

    /// The file, with what the flags say over it.
    private func readConfiguration(_ settings: Settings) throws -> GatewayConfiguration {
        let directory = FileManager.default.currentDirectoryPath
        var configuration =
            if let config {
                try GatewayConfiguration(
                    path: config, environment: settings.environment, workingDirectory: directory)
            } else {
                try GatewayConfiguration(
                    tree: .null,
                    surroundings: .init(environment: settings.environment, directory: directory))
            }
        if config == nil, budget == nil {
            throw PreflightError(
                .usage, "no budget is given", hint: "give --budget USD, or a file with budgets: --config gateway.yaml")
        }
        if let hold, BudgetLimits.Hold(rawValue: hold) == nil || budget == nil {
            throw PreflightError(.usage, "--hold '\(hold)' goes with --budget, and is strict or adaptive")
        }
        if let listen { configuration.listen = [try Self.address(listen, "--listen")] }
        switch console {
        case nil: break
        case "off"?, "none"?: configuration.console = nil
        case let console?: configuration.console = try Self.address(console, "--console")
        }
        for upstream in configuration.settings.upstreams
        where upstream.key == nil && upstream.kind != .vllm && upstream.address.isSecure {
            throw PreflightError(
                .refused, "there is no key for the upstream \(upstream.name)",
                hint: upstream.kind == .openRouter
                    ? "set OPENROUTER_API_KEY" : "name its variable: upstreams.\(upstream.name).key")
        }
        return configuration
    }

    /// What `--budget` and `--hold` ask of the scope `default`.
    private func change() throws -> BudgetChange? {
        guard let budget else { return nil }
        let limit = try dollars(budget)
        // Said in full: the scope may have another hold from a start before.
        let hold = hold ?? BudgetLimits.Hold.strict.rawValue
        return try BudgetChange(json: ["limit": .usd(limit), "hold": .string(hold)])
    }

    private static func address(_ text: String, _ flag: String) throws -> GatewayConfiguration.Address {
        guard let address = GatewayConfiguration.Address(text) else {
            throw PreflightError(.usage, "\(flag) '\(text)': expected HOST:PORT")
        }
        return address
    }

    private func dollars(_ text: String) throws -> USD {
        guard let amount = Quantity.usd(text), amount > .zero else {
            throw PreflightError(.usage, "--budget '\(text)': expected dollars, more than 0")
        }
        return amount
    }

    private func ledgerPath(_ configuration: GatewayConfiguration, _ wiring: Wiring) throws -> String {
        if let path = configuration.ledger { return path }
        try Files.createDirectory(wiring.runs.path)
        return wiring.runs.journalPath
    }
}

extension GatewayConfiguration.Address {
    /// Reads `HOST:PORT`, `[IPV6]:PORT`, or a port of this machine.
    init?(_ text: String) {
        if let port = Int(text), (0...65_535).contains(port) {
            self.init(host: "127.0.0.1", port: port)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, !host.contains("/"), !host.contains(" ") else { return nil }
        self.init(host: String(host), port: port)
    }
}
