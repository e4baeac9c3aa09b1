import PreflightCore

/// Text measured in columns of a terminal. What it cleans takes the columns it says, on every terminal.
package enum CellText {
    /// One line without control characters. Joined and tinted signs, which terminals disagree about, are cut down to their
    /// first, and flags become their letters.
    package static func clean(_ text: String) -> String {
        // Nearly all text is this.
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text }
        var scalars = String.UnicodeScalarView()
        for character in PlainText.oneLine(text) {
            for (index, scalar) in character.unicodeScalars.enumerated() {
                if let letter = flagLetter(scalar) {
                    scalars.append(letter)
                } else if !isInvisible(scalar), index == 0 || belongs(scalar) {
                    scalars.append(scalar)
                }
            }
        }
        return String(scalars)
    }

    /// Columns that a clean text takes.
    package static func width(_ text: String) -> Int {
        text.unicodeScalars.reduce(0) { $0 + width($1) }
    }

    /// Cut to fit, with an ellipsis where something was lost.
    package static func cut(_ text: String, to width: Int) -> String {
        guard self.width(text) > width else { return text }
        guard width > 0 else { return "" }
        var kept = ""
        var used = 0
        for character in text {
            let columns = self.width(String(character))
            if used + columns > width - 1 { break }
            kept.append(character)
            used += columns
        }
        return kept + "…"
    }

    /// Exactly that many columns.
    package static func fit(_ text: String, to width: Int, right: Bool = false) -> String {
        let text = cut(text, to: width)
        let blanks = String(repeating: " ", count: max(0, width - self.width(text)))
        return right ? blanks + text : text + blanks
    }

    static func width(_ scalar: UnicodeScalar) -> Int {
        let value = scalar.value
        if value < 0x300 { return value == 0xAD ? 0 : 1 }
        if isMark(scalar) || isInvisible(scalar) || innerJamo.contains(value) { return 0 }
        return wide.contains { $0.contains(value) } ? 2 : 1
    }

    /// Whether it is part of the character before it in every script's sense, and not another sign that was joined.
    private static func belongs(_ scalar: UnicodeScalar) -> Bool {
        isMark(scalar) || scalar.properties.generalCategory == .spacingMark || innerJamo.contains(scalar.value)
            || (0xFF9E...0xFF9F).contains(scalar.value)
    }

    /// Vowels and final consonants of Korean syllables that are spelt out.
    private static let innerJamo: ClosedRange<UInt32> = 0x1160...0x11FF

    private static func flagLetter(_ scalar: UnicodeScalar) -> UnicodeScalar? {
        (0x1F1E6...0x1F1FF).contains(scalar.value) ? UnicodeScalar(scalar.value - 0x1F1E6 + 0x41) : nil
    }

    private static func isMark(_ scalar: UnicodeScalar) -> Bool {
        guard scalar.value >= 0x300, !isInvisible(scalar) else { return false }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return true
        default: return false
        }
    }

    /// Joiners, selectors and other signs without a shape of their own.
    private static func isInvisible(_ scalar: UnicodeScalar) -> Bool {
        switch scalar.value {
        case 0xAD, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFE00...0xFE0F, 0xFEFF, 0xFFF9...0xFFFB,
            0x1F3FB...0x1F3FF, 0xE0000...0xE0FFF:
            true
        default: false
        }
    }

    /// East Asian wide and full-width characters, and signs that are shown as pictures (Unicode 15, in whole blocks).
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x231A...0x231B, 0x23E9...0x23EC, 0x23F0...0x23F0, 0x23F3...0x23F3, 0x25FD...0x25FE,
        0x2614...0x2615, 0x2648...0x2653, 0x267F...0x267F, 0x2693...0x2693, 0x26A1...0x26A1, 0x26AA...0x26AB,
        0x26BD...0x26BE, 0x26C4...0x26C5, 0x26CE...0x26CE, 0x26D4...0x26D4, 0x26EA...0x26EA, 0x26F2...0x26F3,
        0x26F5...0x26F5, 0x26FA...0x26FA, 0x26FD...0x26FD, 0x2705...0x2705, 0x270A...0x270B, 0x2728...0x2728,
        0x274C...0x274C, 0x274E...0x274E, 0x2753...0x2755, 0x2757...0x2757, 0x2795...0x2797, 0x27B0...0x27B0,
        0x27BF...0x27BF, 0x2B1B...0x2B1C, 0x2B50...0x2B50, 0x2B55...0x2B55, 0x2E80...0x303E, 0x3041...0x33FF,
        0x3400...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19,
        0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F004...0x1F004,
        0x1F0CF...0x1F0CF, 0x1F18E...0x1F18E, 0x1F191...0x1F19A, 0x1F200...0x1F320, 0x1F32D...0x1F335,
        0x1F337...0x1F37C, 0x1F37E...0x1F393, 0x1F3A0...0x1F3CA, 0x1F3CF...0x1F3D3, 0x1F3E0...0x1F3F0,
        0x1F3F4...0x1F3F4, 0x1F3F8...0x1F43E, 0x1F440...0x1F440, 0x1F442...0x1F4FC, 0x1F4FF...0x1F53D,
        0x1F54B...0x1F54E, 0x1F550...0x1F567, 0x1F57A...0x1F57A, 0x1F595...0x1F596, 0x1F5A4...0x1F5A4,
        0x1F5FB...0x1F64F, 0x1F680...0x1F6C5, 0x1F6CC...0x1F6CC, 0x1F6D0...0x1F6D2, 0x1F6D5...0x1F6DF,
        0x1F6EB...0x1F6EC, 0x1F6F4...0x1F6FC, 0x1F7E0...0x1F7EB, 0x1F7F0...0x1F7F0, 0x1F90C...0x1F93A,
        0x1F93C...0x1F945, 0x1F947...0x1F9FF, 0x1FA70...0x1FAFF, 0x20000...0x3FFFD,
    ]
}
