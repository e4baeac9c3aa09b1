import PreflightCore
import Reports

/// The head of a run's page.
enum RunHead {
    /// - Parameter total: what the run may spend in all, where the ledger holds it to that.
    static func json(_ view: RunView, total: USD?, traces: [String: TrialTrace], at now: Timestamp) -> JSON {
        let burn = burnPerMinute(view, traces, at: now)
        let budget = total ?? view.trials.reduce(USD.zero) { $0 + $1.budget }
        let left = max(USD.zero, budget - view.cost)
        var object = RunRow.json(view, total: total).object ?? JSON.Object()
        object.append("directory", .string(view.directory))
        if let burn, burn > .zero, view.isAlive {
            object.append("burn", .string(burn.description))
            // To the total, or to the caps of all trials together, at the pace of the last minute.
            if let time = BurnMeter.time(for: left, at: burn), time < .seconds(7 * 86_400) {
                object.append("to_cap", .string(time.shortText))
            }
        }
        if !view.isAlive, let end = lastMoment(traces), let created = view.createdAt {
            object.append("elapsed_s", .number((end - created).decimalSeconds(places: 1)))
        }
        return .object(object)
    }

    private static func lastMoment(_ traces: [String: TrialTrace]) -> Timestamp? {
        traces.values.compactMap { trace in trace.startedAt.map { $0 + trace.elapsed } }.max()
    }

    /// What all trials have spent in the last minute, or since the run began, reckoned for a minute; nil at its beginning.
    private static func burnPerMinute(
        _ view: RunView, _ traces: [String: TrialTrace], at now: Timestamp
    ) -> USD? {
        guard let created = view.createdAt, now - created >= BurnMeter.least else { return nil }
        let window = min(.seconds(60), now - created)
        let spent = view.trials.reduce(USD.zero) { sum, trial in
            guard let trace = traces[trial.attempt.name], let began = trace.startedAt else { return sum }
            let before = trace.curve.points.last { $0.at <= now - began - window }?.spend ?? .zero
            return sum + max(.zero, trace.curve.spend - before)
        }
        return BurnMeter.rate(spent, in: window)
    }
}

/// What was decided about trials, newest first, each with what it was decided by.
enum VerdictRows {
    private static let most = 200

    static func json(_ view: RunView, traces: [String: TrialTrace]) -> JSON {
        var rows: [(at: Timestamp, row: JSON)] = []
        for trial in view.trials {
            guard let trace = traces[trial.attempt.name], let began = trace.startedAt else { continue }
            for mark in trace.marks where mark.kind == .verdict || mark.kind == .order {
                rows.append((began + mark.elapsed, json(mark, trial.alias, began)))
            }
        }
        return .array(rows.sorted { $0.at > $1.at }.prefix(most).map(\.row))
    }

    static func json(_ mark: TrialTrace.Mark, _ alias: String, _ began: Timestamp) -> JSON {
        .record([
            "trial": .string(alias), "at": .string((began + mark.elapsed).iso8601),
            "elapsed": .string(mark.elapsed.shortText), "kind": .string(mark.kind.rawValue), "type": .string(mark.type),
            "text": .string(mark.text), "evidence": mark.evidence.isEmpty ? nil : .object(mark.evidence),
            "offset": .int(mark.offset),
        ])
    }
}

/// The scopes of a run, with those above it.
enum LedgerRows {
    private static let most = 1000

    static func json(_ report: BudgetReport, run: String) -> JSON? {
        guard let own = report[run] else { return nil }
        var above: [BudgetReport.Row] = []
        var parent = own.parent
        while let name = parent, let row = report[name], above.count < 16 {
            above.insert(row, at: 0)
            parent = row.parent
        }
        let below = report.rows.lazy.filter { $0.scope.name.hasPrefix(run + "/") }.prefix(most)
        let rows =
            above.enumerated().map { row($0.element, depth: $0.offset) } + [row(own, depth: above.count)]
            + below.map { row($0, depth: above.count + 1) }
        return .array(rows)
    }

    private static func row(_ row: BudgetReport.Row, depth: Int) -> JSON {
        let scope = row.scope
        let limit = scope.limits.money.total
        return .record([
            "scope": .string(scope.name), "depth": .int(depth), "limit": limit.map { .string($0.description) },
            "settled": .string(scope.spent.total.description), "reserved": .string(scope.reserved.description),
            "held": .string(scope.held.description), "headroom": row.available.map { .string($0.description) },
            "settled_permille": limit.map { .int(scope.spent.total.permille(of: $0)) },
            "reserved_permille": limit.map { .int(scope.reserved.permille(of: $0)) },
            "held_permille": limit.map { .int(scope.held.permille(of: $0)) },
            "calls": .int(scope.calls), "open_calls": .int(scope.openCalls), "closed": .bool(scope.isClosed),
        ])
    }
}
