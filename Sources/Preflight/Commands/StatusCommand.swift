import ArgumentParser
import Harness
import PreflightCore
import Reports

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show a run as one plain frame: while it is alive, after it, and after it was killed.",
        discussion: """
            Examples:
              watch preflight status
              preflight status run-20260312-120000
              preflight status 20260312 --json
            """)

    @Argument(help: "A run's name, a unique beginning of it, or latest.")
    var run: String = "latest"

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let wiring = try Wiring(runsDirectory: place.runsDir)
        let journal = try wiring.existingJournal()
        let view = try await RunLookup.find(run, in: wiring.runs, journal: journal, at: wiring.world.now())
        Terminal.shared.data(
            place.json ? view.json.prettyText : StatusFrame.text(view, width: Terminal.shared.width))
        await wiring.offerSweep(journal, place)
    }
}

struct CacheReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache-report",
        abstract: "Show how much of a run's prompts came from provider caches, and what that saved.",
        discussion: """
            Example:
              preflight cache-report latest
            """)

    @Argument(help: "A run's name, a unique beginning of it, or latest.")
    var run: String = "latest"

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let wiring = try Wiring(runsDirectory: place.runsDir)
        let journal = try wiring.existingJournal()
        let view = try await RunLookup.find(run, in: wiring.runs, journal: journal)
        await wiring.offerSweep(journal, place)
        let report = CacheReport(view)
        Terminal.shared.data(place.json ? report.json.prettyText : report.text(width: Terminal.shared.tableWidth))
    }
}
