import ArgumentParser

struct StressCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stress",
        abstract: "Break Preflight on purpose, on this machine, and see whether it keeps its promises.",
        discussion: """
            Examples:
              preflight stress
              preflight stress --seed 7 --only kill-harness --only daemon
              preflight stress --long

            Kills harness, guard, gateway and engine, lets a simulated OpenRouter fail and agents misbehave, and holds
            Preflight to its promises: money, record, containers, keys. Needs Docker and the base image, no key; other
            runs are not touched. Faults: kill-harness, kill-at:STEP, resume-eight, kill-gateway, kill-guard, orphans,
            kill-engine, management-down, disk-full; of a provider
            \(StressFault.Provider.allCases.map(\.rawValue).joined(separator: ", "));
            of agents \(StressFault.Agent.allCases.map(\.rawValue).joined(separator: ", ")).
            Groups: \(StressFault.groups.keys.sorted().joined(separator: ", ")). See docs/reliability.md.
            Exit status: 0 every promise held, 1 one did not, 3 nothing could be tried, 64 wrong usage.
            """)

    @Option(help: ArgumentHelp("Decides what is broken when; the same again for the same seed.", valueName: "N"))
    var seed: UInt64?

    @Flag(help: "Hours: 500 kills of a field of eight, every step, every fault.")
    var long = false

    @Option(help: ArgumentHelp("Only this fault; repeatable.", valueName: "FAULT"))
    var only: [String] = []

    @Flag(help: "Answer in JSON on standard output.")
    var json = false

    @Flag(help: "Keep what the suite's runs have written.")
    var keep = false

    func run() async throws {
        try await StressStage(seed: seed, isLong: long, only: only, isJSON: json, keeps: keep).run()
    }
}
