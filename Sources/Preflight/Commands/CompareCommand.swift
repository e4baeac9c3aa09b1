import ArgumentParser
import Foundation
import Harness
import PreflightCore
import Reports
import Store

struct CompareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Rank what was run alike, paired over repetitions, with intervals and what can be told apart.",
        discussion: """
            Examples:
              preflight compare                                        the models of the newest run
              preflight compare 20260312 20260313                      models over two runs
              preflight compare 20260312 20260319 --by run             one run against another, model by model
              preflight compare latest --metric cost --baseline llama
              preflight compare latest --output compare.html           one page, with pictures

            Trials are paired by run and repetition. What was stopped by money, time, a race or its owner is cut off:
            neither completed nor failed. What machine, provider or Preflight let down is missing.
            Runs whose caps, image, task, upstream, prices or policies differ are not ranked, unless you say
            --even-if-unlike; then every output says so. docs/compare.md tells what each number means.
            Exit status: 0, 3 where it refuses to rank, 64 where there is nothing to compare.
            """)

    @Argument(help: ArgumentHelp("Runs: names, unique beginnings of them, or latest.", valueName: "run"))
    var runs: [String] = []

    @Option(
        help: "What to rank by: score, completed, cost, time or tokens. By default score if two have it, or completed.")
    var metric: CompareMetric?

    @Option(help: "What is held against each other: model, or run.")
    var by: Comparison.Grouping = .model

    @Option(help: ArgumentHelp("Compare this one and others named alone; repeatable.", valueName: "NAME"))
    var arm: [String] = []

    @Option(help: ArgumentHelp("Tell differences from this one; by default from the best.", valueName: "NAME"))
    var baseline: String?

    @Option(help: ArgumentHelp("Of intervals and tests, in percent: 50 to 99.9.", valueName: "PERCENT"))
    var confidence: Double = 95

    @Option(help: ArgumentHelp("Of the random numbers behind intervals.", valueName: "N"))
    var seed: UInt64 = Bootstrap.standard.seed

    @Flag(help: "Rank what was not run alike, and say so.")
    var evenIfUnlike = false

    @OptionGroup var document: DocumentOptions<CompareFormat>

    @OptionGroup var place: PlaceOptions

    func validate() throws {
        try document.check(json: place.json)
        guard (50...99.9).contains(confidence) else {
            throw ValidationError("--confidence \(confidence): expected percent, 50 to 99.9")
        }
    }

    func run() async throws {
        let wiring = try Wiring(runsDirectory: place.runsDir)
        let journal = try wiring.existingJournal()
        let ids = try await RunLookup.ids(named: runs.isEmpty ? ["latest"] : runs, in: wiring.runs, journal: journal)
        var read: [CompareField.Run] = []
        for id in ids {
            let view = try await RunLookup.find(id, in: wiring.runs, journal: journal, at: wiring.world.now())
            read.append(await Self.read(view, wiring))
        }
        let field = try CompareField(read, grouping: by, metric: metric, wanted: arm)
        var settings = Comparison.Settings()
        settings.metric = field.metric
        settings.grouping = by
        settings.confidence = confidence / 100
        settings.bootstrap.seed = seed
        let named = try baseline.map { try CompareField.find([$0], among: field.arms.map(\.name)) }?.first
        if !field.likeness.isAlike, !evenIfUnlike { throw Self.refusal(field.likeness) }
        let comparison = Comparison(
            field.arms, runs: field.runs, likeness: field.likeness, settings: settings, baseline: named)
        guard comparison.comparisons > 0 else {
            throw PreflightError(
                .usage,
                "no two of \(field.arms.map(\.name).joined(separator: ", ")) have a "
                    + "\(field.metric == .score ? "scored " : "")repetition in common",
                hint: "what failed for machine or provider is missing: `preflight retry` runs it again")
        }
        try document.write(json: place.json) { $0.text(comparison) }
    }

    private static func refusal(_ likeness: Likeness) -> PreflightError {
        PreflightError(
            .refused,
            "these trials were not run alike, so that no ranking of them is fair\n"
                + likeness.differences.map { "  \($0.text)" }.joined(separator: "\n"),
            hint: "compare some of them with --arm, or rank all the same with --even-if-unlike, which every output says"
        )
    }

    /// A record that cannot be read as an experiment is unlike any other, and no error.
    private static func read(_ view: RunView, _ wiring: Wiring) async -> CompareField.Run {
        let path = RunDirectory(path: view.directory, id: view.id).experimentPath
        let loader = ExperimentLoader(
            environment: wiring.settings.environment, workingDirectory: FileManager.default.currentDirectoryPath)
        let planned = try? loader.read(path, isRecord: true)
        let text = (try? Files.read(path)).map { String(decoding: $0, as: UTF8.self) }
        let tree = text.flatMap { try? YAMLTree($0, name: "experiment.yaml") }?.json
        return CompareField.Run(
            await RunConditions.read(view, experiment: tree?.object == nil ? nil : tree), view.trials,
            plans: planned?.trials() ?? [], rules: planned?.eject.rules ?? [])
    }
}

extension CompareMetric: ExpressibleByArgument {}
extension Comparison.Grouping: ExpressibleByArgument {}

enum CompareFormat: String, DocumentFormat {
    case text, html, md, json, csv

    static let standard = Self.text

    var endings: [String] {
        switch self {
        case .text: ["txt"]
        case .html: ["htm"]
        case .md: ["markdown"]
        case .json, .csv: []
        }
    }

    func text(_ comparison: Comparison) -> String {
        switch self {
        case .text: comparison.text
        case .html: comparison.html
        case .md: comparison.markdown
        case .json: comparison.json.prettyText + "\n"
        case .csv: comparison.csv
        }
    }
}
