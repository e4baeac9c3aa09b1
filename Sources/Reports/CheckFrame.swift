package import PreflightCore

/// One line of a check's outcome, and what follows all of them.
package enum CheckFrame {
    /// `[v] balance: $12.40 left`, and for what did not pass ` -> ` and what to do.
    package static func line(
        mark: String, name: String, detail: String, lines: [String], hint: String?
    ) -> String {
        var text = "[\(mark)] \(name): \(PlainText.oneLine(detail))"
        for line in lines { text += "\n      \(PlainText.oneLine(line))" }
        if let hint { text += "\n     -> \(PlainText.oneLine(hint))" }
        return text
    }

    /// `All preflight checks passed`, or how many did not and which.
    package static func conclusion(failures: [(name: String, detail: String)]) -> String {
        guard !failures.isEmpty else { return "All preflight checks passed" }
        return
            (["PREFLIGHT FAILED (\(failures.count) issue\(failures.count == 1 ? "" : "s")):"]
            + failures.map { "  \($0.name): \(PlainText.oneLine($0.detail))" }).joined(separator: "\n")
    }

    package static func forecast(_ forecast: Forecast, width: Int = 100) -> String {
        var table = TextTable(
            header: ["alias", "budget", "a call", "calls", "model"],
            alignments: [.left, .right, .right, .right, .left],
            width: width)
        table.rows = forecast.lines.map { line in
            [
                PlainText.cut(line.alias, to: 24), "\(line.budget)", line.typicalCall.map { "\($0)" } ?? "unknown",
                line.calls.map { "~\($0)" } ?? (line.typicalCall == .zero ? "free" : "unknown"), line.model,
            ]
        }
        let usage = Forecast.typicalUsage
        return
            (["Forecast: at most \(forecast.most)"] + table.lines() + [
                "a call: \(usage.promptTokens) tokens in, \(usage.completionTokens) out, nothing cached"
            ]).joined(separator: "\n")
    }
}
