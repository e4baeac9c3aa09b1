package import PreflightCore

/// The cache report for people.
extension CacheReport {
    package func text(width: Int = 100) -> String {
        var parts = ["Prompt cache of \(run)", table(width)]
        let breaks = breakTable(width)
        if !breaks.isEmpty { parts += ["", breaks] }
        if let calls { parts += ["", callTable(calls, width)] }
        if untoldCalls > 0 {
            let told = Figures.count(calls?.count ?? 0)
            parts.append("the first \(told) calls; \(Figures.count(untoldCalls)) more are in the sums alone")
        }
        parts += ["", conclusion]
        if lines.contains(where: { $0.verdicts[.untold] != nil }) {
            parts.append(
                "With direct access prompts are not seen: only usage is known, and why a beginning was not read is not."
            )
        }
        return parts.joined(separator: "\n") + "\n"
    }

    private func table(_ width: Int) -> String {
        var table = TextTable(
            header: ["alias", "calls", "prompt", "read", "written", "hit", "saved", "writes", "missed", "model"],
            alignments: [.left, .right, .right, .right, .right, .right, .right, .right, .right, .left], width: width)
        table.rows = lines.map { line in
            [
                PlainText.cut(line.alias, to: 24), String(line.calls), String(line.usage.promptTokens),
                String(line.usage.cachedTokens), String(line.usage.cacheWriteTokens), Self.hit(line.usage),
                Self.money(line.saved), Self.money(line.paidForWrites), Self.money(line.missed), "\(line.source)",
            ]
        }
        return table.lines().joined(separator: "\n")
    }

    private func breakTable(_ width: Int) -> String {
        var table = TextTable(
            header: ["alias", "calls", "what broke the prefix"], alignments: [.left, .right, .left], width: width)
        table.rows = lines.flatMap { line in
            line.breaks.prefix(8).map { [PlainText.cut(line.alias, to: 24), "\($0.calls)", $0.verdict.words] }
        }
        return table.rows.isEmpty ? "" : table.lines().joined(separator: "\n")
    }

    private func callTable(_ calls: [CacheCall], _ width: Int) -> String {
        var table = TextTable(
            header: ["trial", "at", "prompt", "read", "written", "saved", "missed", "what came of it"],
            alignments: [.left, .right, .right, .right, .right, .right, .right, .left], width: width)
        table.rows = calls.map { call in
            let judged = call.judged
            return [
                PlainText.cut(call.attempt.name, to: 24), judged.call.startedAt.shortText,
                String(judged.usage.promptTokens), String(judged.usage.cachedTokens),
                String(judged.usage.cacheWriteTokens), Self.money(judged.saved), Self.money(judged.missed),
                judged.judgement.verdict.words,
            ]
        }
        return table.lines().joined(separator: "\n")
    }

    private var conclusion: String {
        let total = total
        var text =
            "\(Self.hit(total.usage)) of \(total.usage.promptTokens) prompt tokens read from a cache, "
            + "\(Self.money(total.saved)) saved"
        if let paid = total.paidForWrites, paid != .zero { text += ", \(paid) paid for writing" }
        if let missed = total.missed, missed > .zero {
            text += ", \(missed) missed by \(Figures.count(total.missedTokens)) tokens that were not read"
        }
        return text
    }

    static func hit(_ usage: Usage) -> String {
        usage.promptTokens > 0 ? "\(min(100, usage.cachedTokens * 100 / usage.promptTokens))%" : "-"
    }

    private static func money(_ amount: USD?) -> String { amount.map { "\($0)" } ?? "unknown" }
}

/// The cache report for programs.
extension CacheReport {
    package var json: JSON {
        let total = total
        return .record([
            "run": .string(run), "saved_usd": total.saved.map(JSON.usd),
            "paid_for_writes_usd": total.paidForWrites.map(JSON.usd), "net_usd": total.net.map(JSON.usd),
            "missed_usd": total.missed.map(JSON.usd), "trials": .array(lines.map { $0.json(name: true) }),
            "models": .array(models.map { $0.json(name: false) }), "calls": calls.map { .array($0.map(\.json)) },
            "calls_left_out": untoldCalls > 0 ? .int(untoldCalls) : nil,
        ])
    }
}

extension CacheLine {
    fileprivate func json(name: Bool) -> JSON {
        .record([
            "alias": name ? .string(alias) : nil, "model": .string(source.model),
            "upstream": source.upstream.map(JSON.string), "calls": .int(calls),
            "prompt_tokens": .int(usage.promptTokens), "cached_tokens": .int(usage.cachedTokens),
            "cache_write_tokens": .int(usage.cacheWriteTokens), "saved_usd": saved.map(JSON.usd),
            "paid_for_writes_usd": paidForWrites.map(JSON.usd), "net_usd": net.map(JSON.usd),
            "missed_usd": missed.map(JSON.usd), "missed_tokens": .int(missedTokens),
            "verdicts": verdicts.isEmpty
                ? nil
                : .array(
                    verdicts.sorted { ($1.value, $0.key.words) < ($0.value, $1.key.words) }.map { verdict, count in
                        var object = verdict.json.object ?? JSON.Object()
                        object.append("calls", .int(count))
                        return .object(object)
                    }),
        ])
    }
}

extension CacheVerdict {
    var json: JSON {
        var message: Int?
        if case .messageChanged(let number, _) = self { message = number }
        return .record(["verdict": .string(name), "message": message.map(JSON.int)])
    }
}

extension CacheCall {
    fileprivate var json: JSON {
        var object =
            JSON.record([
                "trial": .string(attempt.alias), "attempt": .int(attempt.number),
                "call": judged.call.number.map { .int(Int($0)) },
                "at_s": .number(judged.call.startedAt.decimalSeconds(places: 3)), "model": .string(judged.source.model),
                "provider": judged.call.provider.map(JSON.string), "prompt_tokens": .int(judged.usage.promptTokens),
                "cached_tokens": .int(judged.usage.cachedTokens),
                "cache_write_tokens": .int(judged.usage.cacheWriteTokens), "saved_usd": judged.saved.map(JSON.usd),
                "paid_for_writes_usd": judged.paidForWrites.map(JSON.usd), "missed_usd": judged.missed.map(JSON.usd),
                "missed_tokens": .int(judged.judgement.missedTokens),
            ]).object ?? JSON.Object()
        for member in judged.judgement.verdict.json.object?.members ?? [] { object.append(member.key, member.value) }
        return .object(object)
    }
}
