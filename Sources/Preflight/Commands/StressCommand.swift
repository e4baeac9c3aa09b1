import ArgumentParser
import Containers
import Foundation
import PreflightCore
import Simulator
import Store

struct StressCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stress",
        abstract: "Break Preflight on purpose, on this machine, and see whether it keeps its promises.",
        discussion: """
            Examples:
              preflight stress
              preflight stress --seed 7 --only kill-harness
              preflight stress --long

            """)

    @Option(help: ArgumentHelp("Decides what is broken when; the same again for the same seed.", valueName: "N"))
    var seed: UInt64?

    @Flag(help: "The long suite: 500 kills of a field of eight, every step, every fault; takes an hour or more.")
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
