import PreflightCore
import TestSupport

// libFuzzer's build has the reader in the same module.
#if !FUZZING
    @testable import Preflight
#endif

extension FuzzTarget {
    /// Experiment files, as text.
    static let files = FuzzTarget(
        "files", words: experimentWords,
        seeds: {
            [
                """
                name: kurve
                models: [meta/llama, {id: g/x, alias: gemini, budget: 0.50}]
                budget: {per_trial: 0.25, total: 1.00}
                env: {GAME: kurve, EMPTY: }
                limits: {wall: 30m, memory: 2g, cpus: 2, pids: none}
                eject:
                  any:
                    - budget_exceeded
                    - idle: 180s
                    - budget_fraction: {at: 25%, unless: tool_calls > 0}
                prompt: |
                  Write it.
                """,
                "a: &x [1, 2]\nb: *x\nc: {<<: {d: 1}}\n", "- 1\n- !!str 2\n- ~\n- yes\n- 0x1F\n- .inf\n",
                "name: 'a''b'\n",
            ].map { Array($0.utf8) }
        },
        check: { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            do throws(PreflightError) {
                let tree = try YAMLTree(text, name: "e.yaml")
                if let broken = brokenPromise(ofTree: tree.json) { return broken }
                do throws(PreflightError) {
                    let record = try Experiment(tree: tree.json).tree
                    // What a run writes down of it is what `resume` reads.
                    guard let yaml = try? record.yamlText else { return "a record cannot be written as YAML" }
                    let again = try YAMLTree(yaml, name: "e.yaml").json
                    let read = try Experiment(tree: again, isRecord: true).tree
                    return read == record ? nil : "a record changes in YAML: \(yaml)"
                } catch { return tree.locate(error).message.isEmpty ? "a refusal without a word" : nil }
            } catch { return error.code == .usage ? nil : "a file that cannot be read is no wrong usage: \(error)" }
        })
}
