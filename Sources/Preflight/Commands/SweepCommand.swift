import ArgumentParser
import Harness
import PreflightCore
import Reports

struct SweepCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sweep",
        abstract: "Remove what dead runs left: containers, networks and sub-keys. Never those of a living run.",
        discussion: """
            Examples:
              preflight sweep --dry-run
              preflight sweep
              preflight sweep run-20260312-120000           of this run alone

            Things of runs that this machine knows nothing of are kept until they have expired, since their run may
            live on another machine; --force takes them too.
            Exit status: 0 nothing is left, 1 something could not be removed or looked at.
            """)

    @Argument(help: ArgumentHelp("Only what these runs left; by default what any did.", valueName: "run"))
    var runs: [String] = []

    @Flag(help: "Only say what would be removed.")
    var dryRun = false

    @Flag(help: "Also remove what belongs to runs that are not known here.")
    var force = false

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let wiring = try Wiring(runsDirectory: place.runsDir)
        let journal = try wiring.existingJournal()
        let only =
            runs.isEmpty ? nil : Set(try await RunLookup.ids(named: runs, in: wiring.runs, journal: journal))
        let sweeper = wiring.sweeper(journal, only: only)
        let outcome = dryRun ? await sweeper.find() : await sweeper.sweep(force: force)
        if place.json {
            Terminal.shared.data(json(outcome).prettyText)
        } else {
            show(outcome)
        }
        if !outcome.failed.isEmpty || !outcome.blind.isEmpty { throw ExitStatus.no }
    }

    private func show(_ outcome: Sweeper.Outcome) {
        let terminal = Terminal.shared
        for finding in outcome.removed {
            terminal.data("\(dryRun ? "would remove" : "removed") \(finding.kind.rawValue) \(finding.name)")
        }
        for finding in outcome.kept {
            terminal.data("kept \(finding.kind.rawValue) \(finding.name): \(finding.keepReason ?? "")")
        }
        for (finding, error) in outcome.failed {
            terminal.data("could not remove \(finding.kind.rawValue) \(finding.name): \(error)")
        }
        for text in outcome.blind { terminal.data("could not look at \(text)") }
        if outcome.isClean && outcome.blind.isEmpty { terminal.data("nothing is left of dead runs") }
    }

    private func json(_ outcome: Sweeper.Outcome) -> JSON {
        func list(_ findings: [Sweeper.Finding]) -> JSON {
            .array(
                findings.map {
                    .record([
                        "kind": .string($0.kind.rawValue), "name": .string($0.name), "run": .string($0.run),
                        "kept_because": $0.keepReason.map(JSON.string),
                    ])
                })
        }
        return .record([
            "dry_run": .bool(dryRun), "removed": list(outcome.removed), "kept": list(outcome.kept),
            "failed": .array(
                outcome.failed.map {
                    .record([
                        "kind": .string($0.finding.kind.rawValue), "name": .string($0.finding.name),
                        "error": .string($0.error),
                    ])
                }),
            "not_looked_at": .strings(outcome.blind),
        ])
    }
}
