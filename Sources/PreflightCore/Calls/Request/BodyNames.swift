/// Finds out what a key of a body is.
struct BodyNames: Sendable {
    enum Meaning: Equatable {
        /// The raw value of a `BodyField`.
        case ruled(Int)
        /// A ruled key for parsers that ignore case, or that end a text at a NUL.
        case almostRuled(String)
        case harmless
        case other
    }

    /// -1 is harmless.
    private let names = NameTable(
        BodyField.all.enumerated().map { ($0.element.name, $0.offset) }
            + BodyField.harmless.map { ($0, -1) })

    func find(_ key: JSONScan.Text, in bytes: UnsafeRawBufferPointer) -> Meaning {
        guard key.isEscaped else {
            let name = UnsafeRawBufferPointer(rebasing: bytes[key.range])
            if let field = names[name] { return field < 0 ? .harmless : .ruled(field) }
            let isPlain = name.allSatisfy { $0 == UInt8(ascii: "_") || $0 &- 97 < 26 || $0 &- 48 < 10 }
            return isPlain ? .other : unusual(key.string(in: bytes))
        }
        return unusual(key.string(in: bytes))
    }

    private func unusual(_ key: String) -> Meaning {
        if let field = names[key] { return field < 0 ? .harmless : .ruled(field) }
        guard let field = names[Self.folded(key)], field >= 0 else { return .other }
        return .almostRuled(BodyField.all[field].name)
    }

    /// In lower case, up to the first NUL.
    static func folded(_ key: String) -> String {
        var folded = String.UnicodeScalarView()
        for scalar in key.unicodeScalars {
            switch scalar.value {
            case 0: return String(folded)
            case 65...90: folded.append(UnicodeScalar(UInt8(scalar.value) + 32))
            // Case folding by Unicode makes these an s and a k.
            case 0x17F: folded.append("s")
            case 0x212A: folded.append("k")
            default: folded.append(scalar)
            }
        }
        return String(folded)
    }
}
