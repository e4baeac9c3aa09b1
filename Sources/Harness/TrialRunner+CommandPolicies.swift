import Containers
import PreflightCore

extension TrialRunner {
    /// Asks a program, again and again, whether the trial should stop. Its answers are facts of the trial's log.
    ///
    /// A program that fails does not stop the trial: its failure is recorded once per cause, and takes back its yes.
    func ask(_ policy: CommandPolicy) async {
        guard let executable = policy.command.first else { return }
        let runner = ProcessRunner()
        // A process before this one may have asked it.
        var answers = CommandAnswers(standing: recorder.trialState.customVerdicts[policy.name])
        while !Task.isCancelled {
            do { try await world.clock.sleep(for: policy.every) } catch { return }
            guard recorder.trialState.phase == .running else { continue }
            do {
                let result = try await runner.run(
                    executable, Array(policy.command.dropFirst()), input: question + [0x0A],
                    timeout: max(policy.every, .seconds(10)))
                guard result.isSuccess, let answer = try? JSON.parse(result.stdout), let ejects = answer["eject"]?.bool
                else {
                    throw PreflightError(
                        .failed,
                        "exit code \(result.exitCode), no {\"eject\": …} on stdout: \(result.stderrText.suffix(200))")
                }
                let reason = answer["reason"]?.string ?? "asked for by \(policy.name)"
                let verdict: Verdict = ejects ? .eject(.init(policy: policy.name, message: reason)) : .stay
                guard answers.take(verdict) else { continue }
                recorder.record(
                    "policy_answer",
                    ["policy": .string(policy.name), "eject": .bool(ejects), "reason": ejects ? .string(reason) : nil])
            } catch {
                guard !Task.isCancelled else { continue }
                let failure = answers.fail("\(error)")
                if failure.endsYes {
                    recorder.record("policy_answer", ["policy": .string(policy.name), "eject": false])
                }
                guard failure.isNew else { continue }
                recorder.record("policy_failed", ["policy": .string(policy.name), "error": .string("\(error)")])
                report(.warning("\(plan.alias): eject policy \(policy.name) gives no answer: \(error)"))
            }
        }
    }

    private var question: [UInt8] {
        let state = recorder.trialState
        var object = recorder.summary.json.object ?? JSON.Object()
        object.append("idle_s", .number(state.idle(at: recorder.elapsed).decimalSeconds(places: 3)))
        object.append(
            "context",
            .object(JSON.Object(state.context.sorted { $0.key < $1.key }.map { .init(key: $0.key, value: $0.value) })))
        return JSON.object(object).bytes
    }
}
