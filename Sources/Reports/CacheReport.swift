package import PreflightCore
import Store

/// How much of each trial's prompts came from a provider's cache, and what that saved at the run's prices.
package struct CacheReport: Sendable {
    package struct Line: Sendable {
        package var alias: String
        package var model: String
        package var calls: Int
        package var usage: Usage
        /// At the run's prices; negative when writing cost more than reading saved. Nil where prices are unknown.
        package var saved: USD?
    }

    package var run: String
    package var lines: [Line]

    package init(_ view: RunView) {
        run = view.id
        let prices = Self.prices(of: RunDirectory(path: view.directory, id: view.id))
        lines = view.trials.map { trial in
            Line(
                alias: trial.alias, model: trial.model, calls: trial.totalTurns, usage: trial.totalUsage,
                saved: prices[trial.model].flatMap { Self.saved(trial.totalUsage, at: $0) })
        }
    }

    /// The price snapshot in the run's `lock.json`.
    private static func prices(of directory: RunDirectory) -> [String: Pricing] {
        guard let bytes = try? Files.read(directory.lockPath), let json = try? JSON.parse(bytes),
            let models = json["models"]?.array
        else { return [:] }
        return models.reduce(into: [:]) { prices, model in
            if let id = model["id"]?.string, let pricing = model["pricing"] { prices[id] = Pricing(json: pricing) }
        }
    }

    /// What the same tokens would have cost uncached, less what they cost.
    static func saved(_ usage: Usage, at pricing: Pricing) -> USD? {
        // Base rates: the tokens are a sum over calls, which says nothing of any one prompt's length.
        let base = Pricing(rates: pricing.rates)
        let prompts = Usage(
            promptTokens: usage.promptTokens, cachedTokens: usage.cachedTokens,
            cacheWriteTokens: usage.cacheWriteTokens)
        guard let uncached = base.cost(of: Usage(promptTokens: usage.promptTokens)), let paid = base.cost(of: prompts)
        else { return nil }
        return uncached - paid
    }

    package var saved: USD { lines.reduce(.zero) { $0 + ($1.saved ?? .zero) } }

    package func text(width: Int = 100) -> String {
        var table = TextTable(
            header: ["alias", "calls", "prompt", "read", "written", "hit", "saved", "model"],
            alignments: [.left, .right, .right, .right, .right, .right, .right, .left], width: width)
        table.rows = lines.map { line in
            [
                PlainText.cut(line.alias, to: 24), String(line.calls), String(line.usage.promptTokens),
                String(line.usage.cachedTokens), String(line.usage.cacheWriteTokens), Self.hit(line.usage),
                line.saved.map { "\($0)" } ?? "unknown", line.model,
            ]
        }
        let total = lines.reduce(Usage()) { $0 + $1.usage }
        return
            (["Prompt cache of \(run)"] + table.lines() + [
                "", "\(Self.hit(total)) of \(total.promptTokens) prompt tokens read from a cache, \(saved) saved",
            ]).joined(separator: "\n") + "\n"
    }

    private static func hit(_ usage: Usage) -> String {
        usage.promptTokens > 0 ? "\(min(100, usage.cachedTokens * 100 / usage.promptTokens))%" : "-"
    }

    package var json: JSON {
        .record([
            "run": .string(run), "saved_usd": .usd(saved),
            "trials": .array(
                lines.map {
                    .record([
                        "alias": .string($0.alias), "model": .string($0.model), "calls": .int($0.calls),
                        "prompt_tokens": .int($0.usage.promptTokens), "cached_tokens": .int($0.usage.cachedTokens),
                        "cache_write_tokens": .int($0.usage.cacheWriteTokens), "saved_usd": $0.saved.map(JSON.usd),
                    ])
                }),
        ])
    }
}
