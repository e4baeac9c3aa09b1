import Containers
import PreflightCore

/// Programs of the experiment's owner that answer a check.
enum CustomChecks {
    /// Gives the program the experiment as JSON, and reads `{"status": "pass"|"warn"|"fail", "detail", "hint"}`.
    ///
    /// Without such an answer the exit code decides: 0 passes.
    static func run(_ check: Experiment.CustomCommand, experiment: Experiment, runner: ProcessRunner) async
        -> CheckResult
    {
        guard let executable = check.command.first else {
            return CheckResult(check.name, .fail, "no command")
        }
        let input = JSON.record([
            "check": .string(check.name), "experiment": experiment.tree,
            "trials": .array(
                experiment.trials().map {
                    .record(["alias": .string($0.alias), "model": .string($0.model), "budget_usd": .usd($0.budget)])
                }),
        ])
        do {
            let result = try await runner.run(
                executable, Array(check.command.dropFirst()), input: input.bytes + [0x0A], timeout: check.timeout)
            return interpret(check.name, result)
        } catch ProcessRunner.Failure.notFound {
            return CheckResult(check.name, .fail, "there is no program '\(executable)'", hint: "correct checks.custom")
        } catch ProcessRunner.Failure.timedOut(let limit) {
            return CheckResult(
                check.name, .fail, "no answer within \(limit.shortText)", hint: "raise its timeout, or mend the program"
            )
        } catch {
            return CheckResult(check.name, .fail, "\(error)")
        }
    }

    static func interpret(_ name: String, _ result: ProcessResult) -> CheckResult {
        let lastLine = result.stdoutText.split(separator: "\n").last.map(String.init) ?? ""
        let answer = (try? JSON.parse(result.stdoutText)) ?? (try? JSON.parse(lastLine))
        if let answer, let word = answer["status"]?.string {
            guard let status = CheckResult.Status(rawValue: word) else {
                return CheckResult(
                    name, .fail, "answered the status '\(word.prefix(40))'", hint: "one of pass, warn, fail, skip")
            }
            // A program that fails has not passed, whatever it says.
            guard status == .fail || result.isSuccess else {
                return CheckResult(name, .fail, "says \(word), exit code \(result.exitCode)")
            }
            return CheckResult(name, status, answer["detail"]?.string ?? word, hint: answer["hint"]?.string)
        }
        let words = [result.stderrText.split(separator: "\n").last.map(String.init) ?? "", lastLine].first {
            !$0.isEmpty
        }
        let detail = String((words ?? "exit code \(result.exitCode)").prefix(200))
        return result.isSuccess
            ? CheckResult(name, .pass, detail)
            : CheckResult(name, .fail, detail, hint: "it ended with exit code \(result.exitCode)")
    }
}
