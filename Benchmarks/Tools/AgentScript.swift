import PreflightCore

/// What an agent prints, over and over: a step is one call to its model and one tool, as the reference agent tells them.
struct AgentScript {
    private var step = 0
    private let steps: [[String]]

    /// Events of a step.
    static let eventsPerStep = 6

    init() {
        let tools = ["bash", "read_file", "write_file", "bash", "search"]
        let commands = [
            "ls -la /workspace", "sed -n 1,80p src/main.swift", "cat > output/kurve.py <<EOF", "python3 -m unittest -q",
            "grep -rn budget src",
        ]
        steps = (0..<tools.count).map { index in
            let call = "call_xFmWEXPvtdL6nfdFlswe_\(index)"
            return [
                #"{"type":"message_start"}"#,
                #"{"type":"message_end","usage":{"prompt_tokens":\#(1320 + index * 211),"completion_tokens":\#(40 + index)"#
                    + #","total_tokens":\#(1360 + index * 212),"cost":0.0000\#(12 + index),"prompt_tokens_details":"#
                    + #"{"cached_tokens":\#(index * 211),"cache_write_tokens":0}},"responseId":"gen-STEP","#
                    + #""text":"I look at what is there, and go on with step STEP.","finishReason":"tool_calls"}"#,
                #"{"type":"tool_execution_start","toolName":"\#(tools[index])","toolCallId":"\#(call)","#
                    + #""args":{"command":"\#(commands[index])"}}"#,
                #"{"type":"tool_execution_end","toolName":"\#(tools[index])","toolCallId":"\#(call)","isError":false}"#,
                #"{"type":"progress","step":STEP,"phase":"build","tests_passed":\#(index)}"#,
                "a line that is no event: step STEP took \(index) tenths of a second",
            ]
        }
    }

    /// The lines of the next step.
    mutating func next(into bytes: inout [UInt8]) {
        step += 1
        for line in steps[step % steps.count] {
            for part in line.split(separator: "STEP", omittingEmptySubsequences: false).enumerated() {
                if part.offset > 0 { bytes.append(contentsOf: "\(step)".utf8) }
                bytes.append(contentsOf: part.element.utf8)
            }
            bytes.append(0x0A)
        }
    }
}
