import ArgumentParser

/// The root: nothing but its subcommands.
struct PreflightCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preflight",
        abstract: "Run a field of LLMs on an autonomous task, each in its own container with its own capped key.",
        discussion: """
            Examples:
              preflight init                            write a commented experiment.yaml
              preflight check experiment.yaml           is everything ready? costs at most a few cents
              preflight run-multi experiment.yaml       run the field; --detach: in the background
              preflight resume latest                   take up a run whose process died
              preflight status --follow                 see it run, from another terminal
              preflight dashboard                       the same on a page, with curves and logs
              preflight report --output report.html     what came of it, as a page to show
              preflight compare                         its models ranked, with what can be told apart
              preflight verify                          is its record whole?
              preflight replay --eject 'loop: 4'        what would a policy have done to it?
              preflight stop latest llama               end a trial from another terminal
              preflight steer latest llama "try again"  tell its agent something; hold, release: let its calls wait
              preflight gateway --budget 5              hard limits in front of your own code
              preflight simulate                        OpenRouter on this machine, without money
            """,
        version: PreflightTool.version,
        subcommands: [
            CheckCommand.self, RunMultiCommand.self, RunCommand.self, ResumeCommand.self, RetryCommand.self,
            StatusCommand.self, DashboardCommand.self, StopCommand.self, EjectCommand.self, ExtendCommand.self,
            HoldCommand.self, ReleaseCommand.self, SteerCommand.self, ReportCommand.self, ScoreCommand.self,
            CompareCommand.self, ExportCommand.self, VerifyCommand.self, ReplayCommand.self,
            CacheReportCommand.self,
            SweepCommand.self, InitCommand.self, SimulateCommand.self, GatewayCommand.self, BudgetCommand.self,
            KeysCommand.self, StressCommand.self, GuardCommand.self, BackgroundCommand.self,
        ])
}
