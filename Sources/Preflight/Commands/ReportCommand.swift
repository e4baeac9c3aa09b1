import ArgumentParser
import Harness
import PreflightCore
import Reports
import Store

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Tell what came of a run: outcomes, money, time, tokens, latencies, stops and provenance.",
        discussion: """
            Examples:
              preflight report                                      the newest run, as Markdown
              preflight report latest --output report.html          one page that opens anywhere
              preflight report 20260312 --format json | jq .money
              preflight report latest --format csv --output trials.csv

            Every run writes report.html into its directory when it ends. A report is computed from the record and can
            be made again at any time, also of a run that lives or has lost its process.
            """)

    @Argument(help: "A run's name, a unique beginning of it, or latest.")
    var run: String = "latest"

    @OptionGroup var document: DocumentOptions<ReportFormat>

    @OptionGroup var place: PlaceOptions

    func validate() throws { try document.check(json: place.json) }

    func run() async throws {
        let wiring = try Wiring(runsDirectory: place.runsDir)
        let journal = try wiring.existingJournal()
        let view = try await RunLookup.find(run, in: wiring.runs, journal: journal, at: wiring.world.now())
        let report = await ReportWriter.read(view)
        try document.write(json: place.json) { $0.text(report) }
    }
}

enum ReportFormat: String, DocumentFormat {
    case html, md, json, csv

    static let standard = Self.md

    var endings: [String] {
        switch self {
        case .html: ["htm"]
        case .md: ["markdown"]
        case .json, .csv: []
        }
    }

    func text(_ report: RunReport) -> String {
        switch self {
        case .html: report.html
        case .md: report.markdown
        case .json: report.json.prettyText + "\n"
        case .csv: report.csv
        }
    }
}

/// Makes a run's report.
enum ReportWriter {
    static func read(_ view: RunView) async -> RunReport {
        var report = await RunReport.read(view)
        report.title = report.experiment.flatMap { try? YAMLTree($0, name: "experiment.yaml") }.flatMap {
            $0.json["name"]?.string
        }
        return report
    }

    /// Writes `report.html` beside the run's receipt. It is derived from the record: that it cannot be written is said,
    /// and fails nothing.
    ///
    /// - Parameter journal: nil where there is none: a run that was moved here is told by its own files.
    static func write(after id: String, in runs: RunsDirectory, journal: Journal?) async {
        do {
            let view = try await RunLookup.find(id, in: runs, journal: journal)
            let directory = RunDirectory(path: view.directory, id: view.id)
            try Files.replace(directory.reportPath, with: await read(view).html)
        } catch {
            Terminal.shared.say("warning: no report.html: \(error)")
        }
    }
}
