/// Turns one frame on a terminal into the next, writing only lines that have changed.
package struct BoardPatch: Sendable {
    private var shown: [(text: String, width: Int)]?
    private let isColoured: Bool

    package init(isColoured: Bool) { self.isColoured = isColoured }

    /// The terminal shows nothing that is known any more: after a resize, or when it was somebody else's.
    package mutating func forget() { shown = nil }

    /// What to write; nothing where nothing has changed.
    package mutating func text(to lines: [BoardLine]) -> String {
        let next = lines.map { (text: $0.terminalText(isColoured: isColoured), width: $0.width) }
        var out = shown == nil ? "\u{1B}[2J" : ""
        let old = shown ?? []
        for row in 0..<max(next.count, old.count) {
            let (line, width) = next.indices.contains(row) ? next[row] : ("", 0)
            let before = old.indices.contains(row) ? old[row] : (text: "", width: 0)
            guard before.text != line else { continue }
            out += "\u{1B}[\(row + 1);1H\(line)"
            // Behind a line that fills the terminal the cursor stands on its last character.
            if width < before.width { out += "\u{1B}[K" }
        }
        shown = next
        return out
    }

    /// Takes the screen: the alternate one, without a cursor and without wrapping.
    package static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[2J\u{1B}[H"
    /// Gives it back as it was.
    package static let leave: StaticString = "\u{1B}[?7h\u{1B}[?25h\u{1B}[0m\u{1B}[?1049l"
}
