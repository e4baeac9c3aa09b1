import ArgumentParser
import PreflightCore
import Reports
import Store

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that a run's record is whole: logs, summaries, journal, ledger and receipts.",
        discussion: """
            Examples:
              preflight verify
              preflight verify run-20260312-120000 20260313
              preflight verify --all --json

            Checks: run, events, state, ledger, receipt, resources, files. Nothing is written. Of a run that lives only
            what can be said of it is checked.
            Exit status: 0 all is well, 1 something is wrong, 64 there is no such run.
            """)

    @Argument(help: ArgumentHelp("Runs: names, unique beginnings of them, or latest.", valueName: "run"))
    var runs: [String] = []

    @Flag(help: "All runs of the directory.")
    var all = false

    @OptionGroup var place: PlaceOptions

    func validate() throws {
        if all, !runs.isEmpty { throw ValidationError("--all takes no names of runs") }
    }

    func run() async throws {
        let wiring = try Wiring(runsDirectory: place.runsDir)
        let journal = try wiring.existingJournal()
        let ids =
            all
            ? try await RunLookup.ids(in: wiring.runs, journal: journal)
            : try await RunLookup.ids(named: runs.isEmpty ? ["latest"] : runs, in: wiring.runs, journal: journal)
        let verifier = RunVerifier(runs: wiring.runs, journal: journal)
        var found: [RunVerification] = []
        for id in ids {
            let verification = try await verifier.verify(id)
            if !place.json { Terminal.shared.data((found.isEmpty ? "" : "\n") + verification.text) }
            found.append(verification)
        }
        let isWell = found.allSatisfy(\.isWell)
        if place.json {
            Terminal.shared.data(JSON.record(["well": .bool(isWell), "runs": .array(found.map(\.json))]).prettyText)
        } else if all, found.isEmpty {
            Terminal.shared.data("there are no runs yet")
        }
        if !isWell { throw ExitStatus.no }
    }
}
