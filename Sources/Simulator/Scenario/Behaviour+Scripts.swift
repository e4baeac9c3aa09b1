import PreflightCore

extension Behaviour {
    package var script: Scenario.Script {
        switch self {
        case .echoes:
            Scenario.Script(turns: [Scenario.Turn(text: "You said: {{prompt}}", repetitions: .max)])
        case .solvesQuickly: Self.solution(wait: .duration(.milliseconds(150)))
        case .solvesSlowly: Self.detour(wait: .duration(.seconds(3)))
        case .spendsHeavily: Self.spending
        case .loops:
            Self.forever(.bash("python3 \(KurveProgram.path) --check"), text: "I run the check.", pause: 300)
        case .goesSilent:
            Scenario.Script(turns: [
                .looking, Scenario.Turn(text: "…", wait: .forever, repetitions: .max),
            ])
        case .crashes:
            Scenario.Script(turns: [.looking, Scenario.Turn(text: "I tidy up.", toolCalls: [.bash("kill -9 $PPID")])])
        case .makesNoProgress:
            Self.forever(
                .bash("head -c $((100 + {{turn}} * 10)) /etc/services; ls -la /usr/bin | sed -n {{turn}}p"),
                text: "Before I write anything I look at part {{turn}}.", pause: 500)
        case .fails:
            Scenario.Script(turns: [
                Scenario.Turn(
                    wait: .duration(.milliseconds(200)),
                    failure: Scenario.Failure(status: 502, message: "Provider returned error"), repetitions: .max)
            ])
        case .givesUp: Scenario.Script(turns: [Scenario.Turn(text: "This cannot be done. I stop here.")])
        }
    }

    /// Writes the program, proves it, says so.
    private static func solution(wait: Scenario.Wait) -> Scenario.Script {
        Scenario.Script(turns: [
            Scenario.Turn(
                text: "I write the program first.",
                toolCalls: [.writeFile(KurveProgram.path, KurveProgram.source)], wait: wait),
            Scenario.Turn(
                text: "Now I check it.", toolCalls: [.bash("python3 \(KurveProgram.path) --check")], wait: wait),
            Scenario.Turn(text: "kurve.py is written and its checks pass.", wait: wait),
        ])
    }

    /// The same with a first attempt that fails, in more and slower steps.
    private static func detour(wait: Scenario.Wait) -> Scenario.Script {
        let path = KurveProgram.path
        return Scenario.Script(turns: [
            Scenario.Turn(text: "I look around.", toolCalls: [.bash("ls -la /workspace")], wait: wait),
            Scenario.Turn(
                text: "A first version.",
                toolCalls: [.writeFile(path, KurveProgram.brokenSource)], wait: wait),
            Scenario.Turn(text: "Does it hold?", toolCalls: [.bash("python3 \(path) --check")], wait: wait),
            Scenario.Turn(text: "It does not. I read it again.", toolCalls: [.readFile(path)], wait: wait),
            Scenario.Turn(
                text: "The walls were missing.", toolCalls: [.writeFile(path, KurveProgram.source)], wait: wait),
            Scenario.Turn(text: "Once more.", toolCalls: [.bash("python3 \(path) --check")], wait: wait),
            Scenario.Turn(text: "kurve.py is written and its checks pass.", wait: wait),
        ])
    }

    /// Costs come from the completion, which `max_tokens` bounds: what a caller reserved stays enough.
    private static var spending: Scenario.Script {
        Scenario.Script(turns: [
            Scenario.Turn(
                text: "I think about this thoroughly, for the {{turn}}. time.",
                toolCalls: [.bash("echo 'thought {{turn}}' >> /workspace/output/thoughts.txt")],
                wait: .duration(.seconds(1)), completionTokens: 4000, reasoningTokens: 3800, repetitions: .max)
        ])
    }

    private static func forever(_ call: Scenario.ToolCall, text: String, pause: Int) -> Scenario.Script {
        Scenario.Script(turns: [
            Scenario.Turn(
                text: text, toolCalls: [call], wait: .duration(.milliseconds(pause)), repetitions: .max)
        ])
    }
}

extension Scenario.Turn {
    fileprivate static var looking: Self {
        Scenario.Turn(
            text: "I look around.", toolCalls: [.bash("ls -la /workspace")], wait: .duration(.milliseconds(200)))
    }
}

extension Scenario.ToolCall {
    static func bash(_ command: String) -> Self {
        Scenario.ToolCall(name: "bash", arguments: ["command": .string(command)])
    }

    static func readFile(_ path: String) -> Self {
        Scenario.ToolCall(name: "read_file", arguments: ["path": .string(path)])
    }

    static func writeFile(_ path: String, _ content: String) -> Self {
        Scenario.ToolCall(name: "write_file", arguments: ["path": .string(path), "content": .string(content)])
    }
}
