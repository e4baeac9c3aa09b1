import ArgumentParser
import Foundation
import PreflightCore
import Reports
import Store

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Give a run's calls and trials to other tools: traces of OpenTelemetry, CSV or JSON lines.",
        discussion: """
            Examples:
              preflight export latest --csv > calls.csv
              preflight export latest --csv --table trials --output trials.csv
              preflight export latest --json | jq 'select(.kind == "call") | .cost_usd'
              preflight export latest --otel --output run.otlp.jsonl

            --otel writes a line for every 200 spans, each a request that a collector takes as it is:
              while read -r line; do
                curl -sf -H 'Content-Type: application/json' -d "$line" http://127.0.0.1:4318/v1/traces
              done < run.otlp.jsonl
            """)

    @Argument(help: "A run's name, a unique beginning of it, or latest.")
    var run: String = "latest"

    @Flag(help: "Traces in OTLP's JSON, one request a line.")
    var otel = false

    @Flag(help: "Comma-separated values.")
    var csv = false

    @Option(help: ArgumentHelp("calls or trials; --json gives both by default, --csv calls.", valueName: "TABLE"))
    var table: ExportTable?

    @Option(
        name: .shortAndLong, help: ArgumentHelp("Where to write it; by default standard output.", valueName: "FILE"))
    var output: String?

    @OptionGroup var place: PlaceOptions

    func validate() throws {
        let count = [otel, csv, place.json].filter { $0 }.count
        guard count == 1 else { throw ValidationError("give one of --otel, --csv and --json") }
        if otel, table != nil { throw ValidationError("--otel has no tables") }
    }

    func run() async throws {
        let wiring = try Wiring(runsDirectory: place.runsDir)
        let journal = try wiring.existingJournal()
        let view = try await RunLookup.find(run, in: wiring.runs, journal: journal)
        let report = await ReportWriter.read(view)
        try OutputFile(output).stream { write in
            if otel { return try OTLPExport(report, write: write).run() }
            let export = RunExport(report, write: write)
            if csv { return try export.csv(table?.table ?? .calls) }
            try export.jsonLines(table?.table)
        }
    }
}

enum ExportTable: String, ExpressibleByArgument, CaseIterable {
    case calls, trials

    var table: RunExport.Table { self == .calls ? .calls : .trials }
}
