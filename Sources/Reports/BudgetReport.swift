package import PreflightCore
package import Store

/// How all scopes stand, for people and programs.
package struct BudgetReport: Sendable {
    package struct Row: Sendable {
        package var scope: BudgetScope
        package var parent: String?
        /// What calls that begin now may take, with all scopes above it; nil where nothing limits them.
        package var available: USD?
    }

    package let rows: [Row]
    private let byName: [String: Int]
    private let now: Timestamp

    /// - Parameter scopes: as the ledger has them, parents before their children.
    package init(_ scopes: [LedgerReader.Scope], at now: Timestamp) {
        var rows: [Row] = []
        var byName: [String: Int] = [:]
        for entry in scopes {
            let scope = entry.scope.rolled(to: now)
            var available = scope.headroom
            if let above = entry.parent.flatMap({ byName[$0] }).flatMap({ rows[$0].available }) {
                available = available.map { min($0, above) } ?? above
            }
            byName[scope.name] = rows.count
            rows.append(Row(scope: scope, parent: entry.parent, available: available))
        }
        self.rows = rows
        self.byName = byName
        self.now = now
    }

    package subscript(name: String) -> Row? { byName[name].map { rows[$0] } }

    /// - Throws: `PreflightError` with code `usage` and the nearest name.
    package func row(_ name: String) throws(PreflightError) -> Row {
        guard let row = self[name] else {
            throw PreflightError(
                .usage, "there is no scope '\(name.prefix(80))'",
                hint: NearestName.hint(String(name.prefix(80)), among: rows.map(\.scope.name)))
        }
        return row
    }

    package func json(_ row: Row) -> JSON { row.scope.json(parent: row.parent, available: row.available, at: now) }

    package var json: JSON { .array(rows.map(json)) }
}

// MARK: Text

extension BudgetReport {
    /// One line a scope, children below their parents.
    package func text(width: Int) -> String {
        guard !rows.isEmpty else { return "no budgets yet" }
        var table = TextTable(
            header: ["scope", "spent", "limit", "left", "reserved", "held", "calls", "note"],
            alignments: [.left, .right, .right, .right, .right, .right, .right, .left], width: width)
        table.rows = inOrder(of: nil).map(cells)
        return table.lines().joined(separator: "\n")
    }

    /// A scope with all its limits.
    package func detail(_ row: Row) -> String {
        let scope = row.scope
        var lines = ["scope      \(scope.name)"]
        if let parent = row.parent { lines.append("parent     \(parent)") }
        for window in BudgetWindow.allCases {
            let limit = scope.limits.money[window]
            guard window == .total || limit != nil else { continue }
            let name = window.rawValue + String(repeating: " ", count: max(1, 11 - window.rawValue.count))
            let end = window.end(of: now).map { ", until \($0.iso8601Seconds)" } ?? ""
            let left = scope.headroom(window).map { ", \($0) left" } ?? ""
            lines.append("\(name)\(scope.spent[window]) spent of \(limit?.description ?? "any")\(left)\(end)")
        }
        lines.append("reserved   \(scope.reserved) for \(scope.openCalls) calls under way")
        if scope.held > .zero { lines.append("held       \(scope.held) of calls whose cost is unknown") }
        lines.append("tokens     \(scope.tokens)\(scope.limits.tokens.map { " of \($0)" } ?? "")")
        lines.append("calls      \(scope.calls)\(scope.limits.calls.map { " of \($0)" } ?? "")")
        if let time = scope.limits.time {
            let end = scope.timeEnd.map { "until \($0.iso8601Seconds)" } ?? "from its first call"
            lines.append("time       \(time.shortText) \(end)")
        }
        lines.append("hold       \(scope.limits.hold.rawValue)")
        if let available = row.available, available != scope.headroom {
            lines.append("available  \(available), since a scope above has no more")
        }
        let note = note(scope)
        if !note.isEmpty { lines.append("note       \(note)") }
        return lines.joined(separator: "\n")
    }

    private func inOrder(of parent: String?, depth: Int = 0) -> [(Row, Int)] {
        // A damaged file must not send us round in circles.
        guard depth < 32 else { return [] }
        return rows.filter { $0.parent == parent }.flatMap { row in
            [(row, depth)] + inOrder(of: row.scope.name, depth: depth + 1)
        }
    }

    private func cells(_ row: Row, depth: Int) -> [String] {
        let scope = row.scope
        return [
            String(repeating: "  ", count: depth) + scope.name, scope.spent.total.description,
            scope.limits.money.total?.description ?? "-", row.available?.description ?? "-",
            scope.reserved == .zero ? "-" : scope.reserved.description,
            scope.held == .zero ? "-" : scope.held.description,
            scope.openCalls == 0 ? "\(scope.calls)" : "\(scope.calls)+\(scope.openCalls)", note(scope),
        ]
    }

    private func note(_ scope: BudgetScope) -> String {
        var notes: [String] = []
        if scope.isClosed {
            notes.append("closed")
        } else if scope.hardCapReached {
            notes.append("used up")
        } else if scope.softCapReached {
            notes.append("nearly used up")
        }
        for window in BudgetWindow.allCases where window != .total {
            guard let limit = scope.limits.money[window] else { continue }
            notes.append("\(window.rawValue) \(scope.spent[window]) of \(limit)")
        }
        if let limit = scope.limits.tokens { notes.append("\(scope.tokens) of \(limit) tokens") }
        if let limit = scope.limits.calls { notes.append("\(scope.calls) of \(limit) calls") }
        if let end = scope.timeEnd { notes.append(end <= now ? "its time is over" : "until \(end.iso8601Seconds)") }
        return notes.joined(separator: ", ")
    }
}
