import ArgumentParser
import Foundation
import PreflightCore
import Reports
import Store

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Show what policies would have done to past runs: whom they stop, when, what that saves and loses.",
        discussion: """
            Examples:
              preflight replay                                    the newest run, by its own policies
              preflight replay latest --eject 'loop: 4'
              preflight replay 20260312 20260313 --eject 'stall: $0.05' --eject idle:60s
              preflight replay latest --eject 'when: spend > $0.02 and output_files == 0' --json
              preflight replay latest --eject idle:60s --tune     other bounds in its place
              preflight replay latest --eject 'error_storm: 5 in 1m' --tune --number 1

            Nothing is started and nothing is spent: the runs' event logs are read, and judged as they were when they
            were written. docs/policies.md tells of the policies.
            Exit status: 0, or 1 where a log is not what was written, or a run's own policies do not give what it says.
            """)

    @Argument(help: ArgumentHelp("Runs: names, unique beginnings of them, or latest.", valueName: "run"))
    var runs: [String] = []

    @Option(
        name: .customLong("eject"),
        help: ArgumentHelp("A policy to try; repeatable, any of them. Without one, the run's own.", valueName: "POLICY")
    )
    var eject: [String] = []

    @Flag(help: "Try other numbers in the policy's place.")
    var tune = false

    @Option(help: ArgumentHelp("Which of the policy's numbers to tune, counted from 1.", valueName: "N"))
    var number: Int?

    @OptionGroup var place: PlaceOptions

    func validate() throws {
        if tune, eject.count != 1 { throw ValidationError("--tune takes one --eject POLICY") }
        if number != nil, !tune { throw ValidationError("--number goes with --tune") }
    }

    func run() async throws {
        let wiring = try Wiring(runsDirectory: place.runsDir)
        let journal = try wiring.existingJournal()
        let given = PolicyList(try eject.map { try PolicyRule(flag: $0, .eject) })
        let ids = try await RunLookup.ids(named: runs.isEmpty ? ["latest"] : runs, in: wiring.runs, journal: journal)
        if tune, let policy = given.rules.first?.policy {
            var tuning = try PolicyTuning(policy, number: number)
            for id in ids { tuning.take(try await RunLookup.find(id, in: wiring.runs, journal: journal)) }
            Terminal.shared.data(place.json ? tuning.json.prettyText : tuning.text(width: Terminal.shared.tableWidth))
            if !tuning.faulty.isEmpty { throw ExitStatus.no }
            return
        }
        var replays: [RunReplay] = []
        for id in ids {
            let view = try await RunLookup.find(id, in: wiring.runs, journal: journal)
            let policies = eject.isEmpty ? try Self.own(view, wiring) : given
            let replay = RunReplay(view, policies, isOwn: eject.isEmpty)
            if !place.json {
                Terminal.shared.data((replays.isEmpty ? "" : "\n") + replay.text(width: Terminal.shared.tableWidth))
            }
            replays.append(replay)
        }
        if place.json { Terminal.shared.data(JSON.record(["runs": .array(replays.map(\.json))]).prettyText) }
        let trials = replays.flatMap(\.trials)
        let differs = eject.isEmpty && trials.contains { $0.isAsRecorded == false }
        if differs || trials.contains(where: { $0.fault != nil }) { throw ExitStatus.no }
    }

    /// The policies that the run was made with, its wall limit and those of one's own in Swift among them.
    private static func own(_ view: RunView, _ wiring: Wiring) throws -> PolicyList {
        let loader = ExperimentLoader(
            environment: wiring.settings.environment, workingDirectory: FileManager.default.currentDirectoryPath)
        let path = RunDirectory(path: view.directory, id: view.id).experimentPath
        let experiment = try loader.read(path, isRecord: true)
        return experiment.eject + PreflightTool.current.policies.map { PolicyRule($0.ejectPolicy) }
            + [PolicyRule(.wall(experiment.limits.wall)), PolicyRule(.heldTooLong)]
    }
}
