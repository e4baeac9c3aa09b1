import ArgumentParser
import Harness
import PreflightCore
import Reports

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show a run: as one plain frame, or as a live board that follows it.",
        discussion: """
            Examples:
              preflight status --follow                 # a live board; q ends it, the run goes on
              preflight status run-20260312-120000      # one frame: while it is alive, after it, after it was killed
              preflight status 20260312 --json
              preflight status --svg > board.svg        # the board as a picture
              preflight status --follow --json | jq -c 'select(.type == "trial") | [.alias, .doing, .cost_usd]'

            --follow ends with the run, or when nobody watches it any more. The board scrolls by arrows, Page Up and
            Page Down, Home and End. Where standard output is no terminal, or with --plain, it is a line per change, and
            with --json a JSON object a line.
            """)

    @Argument(help: "A run's name, a unique beginning of it, or latest.")
    var run: String = "latest"

    @Flag(name: .shortAndLong, help: "Go on showing it until it has ended.")
    var follow = false

    @Flag(help: "With --follow: show lines instead of the board.")
    var plain = false

    @Flag(help: "Write the board as a picture, in SVG.")
    var svg = false

    @Option(help: ArgumentHelp("With --svg: columns and rows, such as 120x30.", valueName: "COLUMNSxROWS"))
    var size: String = "120x30"

    @OptionGroup var place: PlaceOptions

    func validate() throws {
        if svg, follow || place.json {
            throw ValidationError("--svg is a picture: it goes with neither --follow nor --json")
        }
        if svg, Self.size(size) == nil {
            throw ValidationError("--size '\(size)': expected columns and rows, such as 120x30")
        }
    }

    /// 20 to 500 columns, 4 to 500 rows.
    private static func size(_ text: String) -> BoardFrame.Size? {
        let parts = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let columns = parts[0], let rows = parts[1], (20...500).contains(columns),
            (4...500).contains(rows)
        else { return nil }
        return BoardFrame.Size(columns: columns, rows: rows)
    }

    func run() async throws {
        if svg, let size = Self.size(size) {
            return Terminal.shared.data(try await FollowStage(name: run, place: place).picture(size))
        }
        if follow { return try await FollowStage(name: run, place: place, isPlain: plain).run() }
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
