import PreflightCore

/// The live board: a pure function from what is known, the terminal's size and the scroll position to lines.
package enum BoardFrame {
    package struct Size: Hashable, Sendable {
        package var columns: Int
        package var rows: Int

        package init(columns: Int, rows: Int) {
            self.columns = columns
            self.rows = rows
        }
    }

    /// Exactly as many lines as the terminal has, none wider than it.
    package static func lines(_ view: BoardView, size: Size, scroll: BoardScroll = BoardScroll()) -> [BoardLine] {
        let size = Size(columns: max(1, size.columns), rows: max(1, size.rows))
        let parts = Parts(view, size)
        let rows = view.rows
        let top = scroll.clamped(rows: rows.count, visible: parts.visible)
        let shown = rows[top..<min(rows.count, top + parts.visible)]
        var lines = parts.head
        lines += shown.map { line(BoardRow(trial: $0, now: view.now), parts.layout, size.columns) }
        lines += Array(repeating: BoardLine(), count: max(0, size.rows - lines.count - parts.foot.count - parts.status))
        lines += parts.foot
        if parts.status > 0 {
            lines.append(status(view, rows: rows.count, shown: top..<(top + shown.count), width: size.columns))
        }
        return lines.prefix(size.rows).map { $0.fitting(size.columns) }
    }

    /// Rows of trials that such a terminal shows.
    package static func visibleRows(_ view: BoardView, size: Size) -> Int { Parts(view, size).visible }

    private struct Parts {
        var head: [BoardLine]
        var foot: [BoardLine]
        /// Lines at the very bottom: one, or none.
        var status: Int
        var layout: [(column: BoardColumn, width: Int)]
        var visible: Int

        init(_ view: BoardView, _ size: Size) {
            let alias = view.run.trials.map { CellText.width(CellText.clean($0.alias)) }.max() ?? 5
            layout = BoardColumn.layout(width: size.columns, alias: alias)
            head = [BoardFrame.title(view, width: size.columns), BoardFrame.money(view, width: size.columns)]
            let columns = BoardFrame.titles(layout, size.columns)
            if size.rows >= 10 { head += [BoardLine(), columns] } else if size.rows >= 6 { head.append(columns) }
            status = size.rows >= 4 ? 1 : 0
            foot = BoardFrame.notes(view, limit: size.rows >= 16 ? 3 : size.rows >= 8 ? 1 : 0, width: size.columns)
            visible = max(1, size.rows - head.count - foot.count - status)
        }
    }
}

// MARK: Head

extension BoardFrame {
    private static func title(_ view: BoardView, width: Int) -> BoardLine {
        var line = BoardLine(CellText.clean(view.run.id), .strong)
        if let elapsed = view.elapsed { line.append("  \(elapsed.wholeText)") }
        if let silence = view.run.silentFor {
            line.append("  not heard of for \(silence.wholeText)", .bad)
        } else if !view.run.isAlive, !view.run.isFinished {
            line.append("  nobody watches", .bad)
        } else if view.run.isFinished {
            line.append("  ended", .dim)
        }
        return line
    }

    /// The spend, as words and as a bar in what is left of the line.
    private static func money(_ view: BoardView, width: Int) -> BoardLine {
        let money = view.money
        let style: BoardLine.Style = money.permille >= 900 ? .warning : .plain
        var line = BoardLine("\(money.spent)", style)
        line.append(" of \(money.cap)", style)
        if money.name != "total" { line.append(" (\(CellText.clean(money.name)))", .dim) }
        line.append("  ")
        var after = "  \(money.permille / 10)%"
        if !view.run.isFinished, let burn = view.burn {
            after += "  \(StatusFrame.cost(burn))/min"
            let left = max(USD.zero, money.cap - money.spent)
            if let time = BurnMeter.time(for: left, at: burn) {
                after += time > .seconds(100 * 3600) ? "  cap in days" : "  cap in \(time.wholeText)"
            }
        }
        let room = width - line.width - CellText.width(after)
        if room >= 6 {
            let full = BoardBar.filled(money.permille, width: room)
            line.append(String(repeating: "━", count: full), style == .plain ? .good : style)
            line.append(String(repeating: "─", count: room - full), .dim)
        }
        line.append(after)
        return line
    }

    private static func titles(_ layout: [(column: BoardColumn, width: Int)], _ width: Int) -> BoardLine {
        let gap = String(repeating: " ", count: BoardColumn.gap(width))
        let texts = layout.map { column, width in
            // What stands to the right of bars is their words.
            column == .spend && width > BoardColumn.spendWords
                ? CellText.fit(
                    CellText.fit(column.title, to: BoardColumn.spendWords, right: true), to: width)
                : CellText.fit(column.title, to: width, right: column.isRight)
        }
        return BoardLine(texts.joined(separator: gap), .dim)
    }
}

// MARK: Rows

extension BoardFrame {
    private static func line(
        _ row: BoardRow, _ layout: [(column: BoardColumn, width: Int)], _ width: Int
    ) -> BoardLine {
        var line = BoardLine()
        for (index, (column, columns)) in layout.enumerated() {
            if index > 0 { line.append(String(repeating: " ", count: BoardColumn.gap(width))) }
            let text = row.text(column, width: columns)
            let isLast = index == layout.count - 1
            line.append(
                isLast ? CellText.cut(text, to: columns) : CellText.fit(text, to: columns, right: column.isRight),
                row.style(column))
        }
        return line
    }
}

// MARK: Foot

extension BoardFrame {
    /// The newest of what people should know; the rest is told when the board is gone.
    private static func notes(_ view: BoardView, limit: Int, width: Int) -> [BoardLine] {
        guard limit > 0, !view.notes.isEmpty else { return [] }
        let shown = view.notes.suffix(limit)
        let hidden = view.notes.count - shown.count
        return shown.enumerated().map { index, note in
            let more = index == 0 && hidden > 0 ? " (and \(hidden) before)" : ""
            let text = CellText.cut(CellText.clean(note), to: max(1, width - more.count))
            return BoardLine(text + more, .warning)
        }
    }

    private static func status(_ view: BoardView, rows: Int, shown: Range<Int>, width: Int) -> BoardLine {
        let trials = view.run.trials
        let ended = trials.filter { $0.outcome != nil }
        let waiting = trials.filter { $0.outcome == nil && $0.phase == .pending }.count
        var parts: [String] = []
        if trials.count > ended.count + waiting { parts.append("\(trials.count - ended.count - waiting) under way") }
        if waiting > 0 { parts.append("\(waiting) to come") }
        if !ended.isEmpty {
            let kinds = Outcome.allCases.compactMap { outcome in
                let count = ended.filter { $0.outcome == outcome }.count
                return count > 0 ? "\(count) \(outcome.label)" : nil
            }
            parts.append("\(ended.count) ended: \(kinds.joined(separator: " "))")
        }
        var right: [String] = []
        if shown.count < rows {
            right.append("\(shown.lowerBound + 1)-\(shown.upperBound) of \(rows)" + (view.quit == nil ? "" : " ↑↓"))
        }
        if let quit = view.quit { right.append("q \(quit)") }
        let left = CellText.cut(parts.joined(separator: ", "), to: width)
        let rest = right.joined(separator: "  ")
        let room = width - CellText.width(left) - CellText.width(rest)
        guard room >= 2 else {
            // Where the list goes on must be seen.
            let kept = CellText.cut(left, to: max(0, width - CellText.width(rest) - 2))
            return BoardLine(kept.isEmpty ? rest : CellText.fit(kept, to: CellText.width(kept) + 2) + rest, .dim)
        }
        return BoardLine(left + String(repeating: " ", count: room) + rest, .dim)
    }
}
