import PreflightCore
import Reports

/// The suite's table: fault, how often it was injected, promises held; and below it how those that were not are broken.
struct StressReport {
    let seed: UInt64
    let results: [StressResult]

    struct Row: Equatable {
        var fault: StressFault
        var injected = 0
        var held = 0
        var promises = 0
        var skipped: String?
    }

    /// One for each fault, in the order in which they were injected first.
    var rows: [Row] {
        results.reduce(into: []) { rows, result in
            let index = rows.firstIndex { $0.fault == result.fault } ?? rows.count
            if index == rows.count { rows.append(Row(fault: result.fault)) }
            rows[index].injected += result.injected
            rows[index].promises += result.verdicts.count
            rows[index].held += result.verdicts.count - result.broken.count
            if let skipped = result.skipped { rows[index].skipped = skipped }
        }
    }

    /// Every promise held, and something was injected.
    var isWell: Bool { results.allSatisfy(\.broken.isEmpty) && results.contains { $0.injected > 0 } }

    /// Where nothing of it could be tried.
    var refusal: PreflightError? {
        let reasons = results.compactMap { result in result.skipped.map { "\(result.fault.id): \($0)" } }
        guard !reasons.isEmpty, reasons.count == results.count else { return nil }
        return PreflightError(.refused, "nothing could be tried: \(reasons.joined(separator: "; "))")
    }

    func text(width: Int) -> String {
        var table = TextTable(
            header: ["fault", "times", "promises held", "what is done"], alignments: [.left, .right, .right, .left],
            width: width)
        table.rows = rows.map { row in
            [
                row.fault.id, row.skipped == nil ? "\(row.injected)" : "-",
                row.promises == 0 ? "-" : "\(row.held) of \(row.promises)",
                row.skipped.map { "skipped: \($0)" } ?? row.fault.text,
            ]
        }
        var lines = table.lines() + [""]
        for result in results {
            for verdict in result.broken {
                let place = "\(result.fault.id) (\(result.variant))"
                lines.append("BROKEN \(verdict.promise.rawValue): \(place): \(verdict.broken ?? "")")
            }
        }
        if let ejections = Self.figures(results.flatMap(\.ejections)) { lines.append("ejected to dead: \(ejections)") }
        if let resumptions = Self.figures(results.flatMap(\.resumptions)) {
            lines.append("watched again: \(resumptions)")
        }
        let held = rows.reduce(0) { $0 + $1.held }
        let promises = rows.reduce(0) { $0 + $1.promises }
        lines.append(
            "\(rows.reduce(0) { $0 + $1.injected }) faults, \(held) of \(promises) promises held, seed \(seed)")
        return lines.joined(separator: "\n")
    }

    /// `24 times, median 2.1s, p99 2.4s`
    static func figures(_ durations: [Duration]) -> String? {
        guard let median = quantile(durations, permille: 500), let most = quantile(durations, permille: 990) else {
            return nil
        }
        return "\(durations.count) times, median \(median.shortText), p99 \(most.shortText)"
    }

    /// By the nearest rank; nil of nothing.
    static func quantile(_ durations: [Duration], permille: Int) -> Duration? {
        let sorted = durations.sorted()
        guard !sorted.isEmpty else { return nil }
        let rank = (sorted.count * permille + 999) / 1000
        return sorted[max(0, min(sorted.count, rank) - 1)]
    }

    var json: JSON {
        .record([
            "seed": .int(Int(truncatingIfNeeded: seed)), "well": .bool(isWell),
            "faults": .array(
                results.map { result in
                    .record([
                        "fault": .string(result.fault.id), "access": .string(result.variant),
                        "injected": .int(result.injected), "promises": .int(result.verdicts.count),
                        "skipped": result.skipped.map(JSON.string),
                        "broken": .array(
                            result.broken.map {
                                ["promise": .string($0.promise.rawValue), "how": .string($0.broken ?? "")]
                            }),
                        "ejected_to_dead_s": .array(result.ejections.map { .number($0.decimalSeconds(places: 3)) }),
                        "watched_again_s": .array(result.resumptions.map { .number($0.decimalSeconds(places: 3)) }),
                    ])
                }),
        ])
    }
}
