import ArgumentParser
import Harness
import PreflightCore
import Reports
import Store

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Validate an experiment before a cent is spent.",
        discussion: """
            Examples:
              preflight check experiment.yaml
              preflight check --model meta-llama/llama-3.3-70b-instruct --image preflight-agent --budget 0.25
              preflight check experiment.yaml --skip cache_smoke --json

            Checks: \((CheckName.free + CheckName.spending).joined(separator: ", ")), and those of the experiment.
            key_smoke and cache_smoke make real calls on capped sub-keys, and only if nothing failed before.
            Exit status: 0 ready, 1 a check failed, 64 wrong usage.
            """)

    @OptionGroup var experiment: ExperimentOptions

    func run() async throws {
        let wiring = try Wiring(runsDirectory: experiment.place.runsDir)
        let loaded = try wiring.loadExperiment(experiment)
        let stop = StopSignal()
        let signals = Signals(stop: stop)
        let report = try await CheckStage(wiring: wiring, experiment: loaded, stop: stop, json: experiment.place.json)
            .run()
        if experiment.place.json { Terminal.shared.data(report.json.prettyText) }
        if let status = signals.exitStatus { throw status }
        if !report.hasPassed { throw ExitStatus.no }
    }
}

/// Runs and prints the checks; `run-multi` begins with the same.
struct CheckStage {
    let wiring: Wiring
    let experiment: Experiment
    let stop: StopSignal
    let json: Bool

    func run() async throws -> CheckReport {
        let own = PreflightTool.current.checks.map(\.harnessCheck)
        let selection = try CheckName.selection(
            only: experiment.checks.only, skip: experiment.checks.skip,
            custom: experiment.checks.custom.map(\.name) + own.map(\.name))
        try experiment.validate()
        // A journal is needed only by what makes sub-keys.
        let spends = CheckName.spending.contains(where: selection.contains)
        let journal = spends ? try? wiring.openJournal() : try? wiring.existingJournal()
        let upstreams = try experiment.gatewayUpstreams(wiring.settings.environment)
        let report = await CheckRun(
            experiment: experiment, doors: wiring.doors, journal: journal, runs: wiring.runs,
            environment: wiring.settings.environment, selection: selection,
            upstreams: upstreams.map(\.door), custom: own, stop: stop
        ).run()
        if !json { show(report) }
        return report
    }

    private func show(_ report: CheckReport) {
        let terminal = Terminal.shared
        for result in report.results {
            terminal.data(
                CheckFrame.line(
                    mark: result.status.mark, name: result.name, detail: result.detail, lines: result.lines,
                    hint: result.status == .pass || result.status == .skip ? nil : result.hint))
        }
        terminal.data("")
        terminal.data(CheckFrame.forecast(report.forecast, width: terminal.tableWidth))
        terminal.data("")
        terminal.data(CheckFrame.conclusion(failures: report.failures.map { ($0.name, $0.detail) }))
    }
}

extension CheckResult.Status {
    fileprivate var mark: String {
        switch self {
        case .pass: "v"
        case .warn: "!"
        case .fail: "x"
        case .skip: "-"
        }
    }
}
