import ArgumentParser
import Foundation
import Harness
import PreflightCore

/// The whole command, for an executable of one's own that adds checks and eject policies in Swift.
///
/// ```swift
/// import Preflight
///
/// @main struct Main {
///     static func main() async {
///         let tool = PreflightTool(
///             checks: [Check(name: "vpn") { _ in .pass("connected") }],
///             policies: [Policy(name: "chatty") { $0.turns > 40 && $0.toolCalls == 0 ? "40 turns, no tool" : nil }])
///         exit(await tool.run())
///     }
/// }
/// ```
public struct PreflightTool: Sendable {
    let checks: [Check]
    let policies: [Policy]

    /// - Parameters:
    ///   - checks: run beside the experiment's own.
    ///   - policies: a trial is also ejected when one of these says so.
    public init(checks: [Check] = [], policies: [Policy] = []) {
        self.checks = checks
        self.policies = policies
    }

    /// What the commands find of it; set for the time of one `run`.
    @TaskLocal static var current = PreflightTool()

    /// As they were given, before variables were put in.
    @TaskLocal static var arguments: [String] = []

    static let version = "0.1.0"

    /// Runs the command with its arguments, the executable's name left out, and gives the exit status.
    public func run(_ arguments: [String] = Array(CommandLine.arguments.dropFirst())) async -> Int32 {
        // A reader that goes away (`preflight status | head`) must not end a run.
        signal(SIGPIPE, SIG_IGN)
        FileLimit.raise()
        return await Self.$current.withValue(self) { await Self.runCommand(arguments) }
    }

    static func runCommand(_ arguments: [String]) async -> Int32 {
        let status = await $arguments.withValue(arguments) { await runExpanded(arguments) }
        guard let failure = Terminal.takeOutputFailure() else { return status }
        Terminal.shared.say("error: cannot write standard output: \(String(cString: strerror(failure)))")
        // What the command itself has to say counts more.
        return status == ExitStatus.success.rawValue ? ExitStatus.failed.rawValue : status
    }

    private static func runExpanded(_ arguments: [String]) async -> Int32 {
        do {
            try StressKill.arm()
            let settings = try Settings()
            var command = try PreflightCommand.parseAsRoot(
                EnvironmentTwins.expand(arguments, environment: settings.environment))
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return ExitStatus.success.rawValue
        } catch let error as PreflightError {
            Terminal.shared.error(error)
            return error.exitStatus.rawValue
        } catch let status as ExitStatus {
            return status.rawValue
        } catch {
            let code = PreflightCommand.exitCode(for: error).rawValue
            let text = PreflightCommand.fullMessage(for: error)
            if code == 0 {
                Terminal.shared.data(text)
            } else if code == EX_USAGE {
                Terminal.shared.say(text)
            } else {
                Terminal.shared.say("error: \(error)")
                return ExitStatus.failed.rawValue
            }
            return code
        }
    }
}

/// Thrown by a command that has said all there is to say.
extension ExitStatus: Error {}

/// A question of one's own, asked before a run.
public struct Check: Sendable {
    public enum Answer: Sendable {
        /// What was measured.
        case pass(String)
        /// What was measured, and what to do.
        case warn(String, hint: String? = nil)
        case fail(String, hint: String? = nil)
        case skip(String)
    }

    let name: String
    let ask: @Sendable (ExperimentView) async -> Answer

    /// - Parameter name: unique among the checks; what `--only` and `--skip` call it.
    public init(name: String, ask: @escaping @Sendable (ExperimentView) async -> Answer) {
        self.name = name
        self.ask = ask
    }
}

/// What a check of one's own sees of the experiment.
public struct ExperimentView: Sendable {
    public let name: String?
    public let image: String?
    /// Model ids in their order.
    public let models: [String]
}

/// An eject policy of one's own. It is asked at every event of a trial and several times a second, so it must be quick.
public struct Policy: Sendable {
    let name: String
    let judge: @Sendable (TrialView) -> String?

    /// - Parameter judge: the reason to eject the trial, or nil to let it go on.
    public init(name: String, judge: @escaping @Sendable (TrialView) -> String?) {
        self.name = name
        self.judge = judge
    }
}

/// What an eject policy of one's own sees of a trial.
public struct TrialView: Sendable {
    public let model: String
    /// Whole picodollars (1e-12 USD).
    public let spentPicodollars: Int64
    /// Whole picodollars; nil until the trial began.
    public let budgetPicodollars: Int64?
    public let events: Int
    public let turns: Int
    public let toolCalls: Int
    public let snapshots: Int
    public let errors: Int
    /// Since the container started.
    public let running: Duration
    /// Since the last sign of life.
    public let idle: Duration
}

extension Check {
    var harnessCheck: CustomCheck {
        CustomCheck(name: name) { experiment in
            let view = ExperimentView(
                name: experiment.name, image: experiment.image, models: experiment.models.map(\.id))
            return switch await ask(view) {
            case .pass(let detail): CheckResult(name, .pass, detail)
            case .warn(let detail, let hint): CheckResult(name, .warn, detail, hint: hint)
            case .fail(let detail, let hint): CheckResult(name, .fail, detail, hint: hint)
            case .skip(let detail): CheckResult(name, .skip, detail)
            }
        }
    }
}

extension Policy {
    var ejectPolicy: EjectPolicy {
        .custom(
            CustomPolicy(name: name) { state, elapsed in
                let view = TrialView(
                    model: state.model, spentPicodollars: state.spend.picodollars,
                    budgetPicodollars: state.budget?.picodollars, events: state.events, turns: state.turns,
                    toolCalls: state.toolCalls, snapshots: state.snapshots, errors: state.errors,
                    running: state.running(at: elapsed), idle: state.idle(at: elapsed))
                return judge(view).map { .eject(.init(policy: name, message: $0)) } ?? .stay
            })
    }
}
