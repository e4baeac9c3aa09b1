import ArgumentParser
import PreflightCore
import Reports
import Store

struct CacheReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache-report",
        abstract: "Show what of a run's prompts came from provider caches, what that saved, and what broke the rest.",
        discussion: """
            Examples:
              preflight cache-report latest
              preflight cache-report latest --calls
              preflight cache-report latest --json | jq '.models[] | {model, net_usd}'
            """)

    @Argument(help: "A run's name, a unique beginning of it, or latest.")
    var run: String = "latest"

    @Flag(help: "Every call with what came of it.")
    var calls = false

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let wiring = try Wiring(runsDirectory: place.runsDir)
        let journal = try wiring.existingJournal()
        let view = try await RunLookup.find(run, in: wiring.runs, journal: journal)
        await wiring.offerSweep(journal, place)
        let report = CacheReport.read(view, withCalls: calls)
        Terminal.shared.data(place.json ? report.json.prettyText : report.text(width: Terminal.shared.tableWidth))
    }
}
