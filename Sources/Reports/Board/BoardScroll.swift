/// What a person asks of the board by a key.
package enum BoardKey: Hashable, Sendable {
    case up, down, pageUp, pageDown, home, end, quit

    /// Reads keys as a terminal sends them; what is none of them is passed over.
    package static func read(_ bytes: some Sequence<UInt8>) -> [BoardKey] {
        let bytes = Array(bytes)
        var keys: [BoardKey] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == 0x1B {
                guard index < bytes.count, bytes[index] == UInt8(ascii: "[") || bytes[index] == UInt8(ascii: "O")
                else { continue }
                index += 1
                let start = index
                while index < bytes.count, !(0x40...0x7E).contains(bytes[index]) { index += 1 }
                guard index < bytes.count else { break }
                if let key = sequence(bytes[start...index]) { keys.append(key) }
                index += 1
            } else if let key = letter(byte) {
                keys.append(key)
            }
        }
        return keys
    }

    private static func letter(_ byte: UInt8) -> BoardKey? {
        switch byte {
        case UInt8(ascii: "k"): .up
        case UInt8(ascii: "j"), 0x0A, 0x0D: .down
        case UInt8(ascii: " "), 0x06: .pageDown
        case UInt8(ascii: "b"), 0x02: .pageUp
        case UInt8(ascii: "g"): .home
        case UInt8(ascii: "G"): .end
        case UInt8(ascii: "q"): .quit
        default: nil
        }
    }

    private static func sequence(_ bytes: ArraySlice<UInt8>) -> BoardKey? {
        switch String(decoding: bytes, as: UTF8.self) {
        case "A": .up
        case "B": .down
        case "H", "1~", "7~": .home
        case "F", "4~", "8~": .end
        case "5~": .pageUp
        case "6~": .pageDown
        default: nil
        }
    }
}

/// The first row that is shown.
package struct BoardScroll: Hashable, Sendable {
    package var top = 0

    package init() {}

    /// - Parameters:
    ///   - rows: that there are.
    ///   - visible: that fit.
    package mutating func take(_ key: BoardKey, rows: Int, visible: Int) {
        switch key {
        case .up: top -= 1
        case .down: top += 1
        case .pageUp: top -= max(1, visible - 1)
        case .pageDown: top += max(1, visible - 1)
        case .home: top = 0
        case .end: top = rows
        case .quit: break
        }
        top = clamped(rows: rows, visible: visible)
    }

    func clamped(rows: Int, visible: Int) -> Int { min(max(0, top), max(0, rows - visible)) }
}
