import PreflightCore

/// What the board tells of one trial, a text for each column.
struct BoardRow {
    let trial: TrialSummary
    let now: Timestamp

    var hasEnded: Bool { trial.outcome != nil }
    private var isUnderWay: Bool { !hasEnded && trial.phase != .pending }

    func text(_ column: BoardColumn, width: Int) -> String {
        switch column {
        case .alias: CellText.clean(trial.alias)
        case .state: StatusFrame.status(trial)
        case .doing: doing(width)
        case .turns: trial.totalTurns == 0 && !hasEnded ? "" : "\(trial.totalTurns)"
        case .tokens: Self.count(trial.totalUsage.promptTokens + trial.totalUsage.completionTokens)
        case .spend: spend(width)
        case .cache: trial.cachePermille.map { $0 > 0 ? "\($0 / 10)%" : "-" } ?? ""
        case .idle: idle?.wholeText ?? ""
        case .nearest: nearest
        }
    }

    func style(_ column: BoardColumn) -> BoardLine.Style {
        if hasEnded {
            guard column == .state else { return .dim }
            return trial.outcome == .completed ? .good : .bad
        }
        if trial.phase == .pending { return .dim }
        switch column {
        case .alias: return .strong
        case .state: return trial.phase == .running ? .plain : .warning
        case .nearest: return trial.pause != nil || (trial.nearest?.permille ?? 0) >= 800 ? .warning : .plain
        case .spend: return permille >= 900 ? .warning : .plain
        default: return .plain
        }
    }

    /// What it does and for how long; how long its container ran, once it has ended. The time is never cut off.
    private func doing(_ width: Int) -> String {
        if hasEnded { return trial.startedAt == nil ? "" : "after \(trial.runtime.wholeText)" }
        guard let doing = trial.doing else { return "" }
        guard let since = trial.doingSince else { return CellText.clean(doing) }
        let age = max(.zero, now - since).wholeText
        return CellText.cut(CellText.clean(doing), to: max(1, width - age.count - 1)) + " " + age
    }

    private var permille: Int { BoardMoney(spent: trial.cost, cap: trial.budget, name: "").permille }

    private func spend(_ width: Int) -> String {
        let words = "\(StatusFrame.cost(trial.totalCost)) of \(trial.budget)"
        let bar = width - BoardColumn.spendWords
        guard bar >= BoardColumn.spendBar, isUnderWay || hasEnded else { return words }
        return CellText.fit(words, to: BoardColumn.spendWords, right: true) + " "
            + BoardBar.text(permille, width: bar - 1)
    }

    private var idle: Duration? {
        guard trial.isRunning, trial.pause == nil, let last = trial.lastActivity else { return nil }
        return max(.zero, now - last)
    }

    private var nearest: String {
        if hasEnded {
            let parts = [trial.score.map { "score \($0.text)" }, StatusFrame.why(trial).map(CellText.clean)]
            return parts.compactMap(\.self).joined(separator: "; ")
        }
        if let pause = trial.pause { return "waits: \(CellText.clean(pause))" }
        guard let nearness = trial.nearest else { return CellText.clean(StatusFrame.why(trial) ?? "") }
        return CellText.fit("\(nearness.permille / 10)%", to: 4, right: true) + " " + CellText.clean(nearness.words)
    }

    /// `950`, `12.3k`, `1.2M`.
    static func count(_ value: Int) -> String {
        func tenths(_ unit: Int, _ letter: String) -> String {
            let tenths = value / (unit / 10)
            return tenths < 1000 ? "\(tenths / 10).\(tenths % 10)\(letter)" : "\(tenths / 10)\(letter)"
        }
        switch value {
        case ..<1: return ""
        case ..<1000: return "\(value)"
        case ..<1_000_000: return tenths(1000, "k")
        default: return tenths(1_000_000, "M")
        }
    }
}

extension Duration {
    /// `4m22s`, `1h03m`, `5s`: whole seconds, so that what moves moves once a second.
    var wholeText: String {
        wholeSeconds < 10 ? "\(Swift.max(0, wholeSeconds))s" : shortText
    }
}

/// A share as a line of characters.
enum BoardBar {
    static func text(_ permille: Int, width: Int) -> String {
        let full = filled(permille, width: width)
        return String(repeating: "━", count: full) + String(repeating: "─", count: max(0, width - full))
    }

    /// Cells: some as soon as there is anything, all only when all is gone.
    static func filled(_ permille: Int, width: Int) -> Int {
        guard width > 0, permille > 0 else { return 0 }
        if permille >= 1000 { return width }
        return min(max(1, permille * width / 1000), max(1, width - 1))
    }
}
