/// Turns one frame on a terminal into the next, writing only lines that have changed.
package struct BoardPatch: Sendable {
    private var shown: [String] = []
    private let isColoured: Bool

    package init(isColoured: Bool) { self.isColoured = isColoured }

    /// The terminal shows nothing that is known any more: after a resize, or when it was somebody else's.
    package mutating func forget() { shown = [] }

    /// What to write; nothing where nothing has changed.
    package mutating func text(to lines: [BoardLine]) -> String {
        let next = lines.map { $0.terminalText(isColoured: isColoured) }
        var out = ""
        if shown.isEmpty { out += "\u{1B}[2J" }
        for (row, line) in next.enumerated() where !shown.indices.contains(row) || shown[row] != line {
            if shown.isEmpty, line.isEmpty { continue }
            out += "\u{1B}[\(row + 1);1H\(line)\u{1B}[K"
        }
        for row in next.count..<max(next.count, shown.count) { out += "\u{1B}[\(row + 1);1H\u{1B}[K" }
        shown = next
        return out
    }

    /// Takes the screen: the alternate one, without a cursor and without wrapping.
    package static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[2J\u{1B}[H"
    /// Gives it back as it was.
    package static let leave: StaticString = "\u{1B}[?7h\u{1B}[?25h\u{1B}[0m\u{1B}[?1049l"
}
