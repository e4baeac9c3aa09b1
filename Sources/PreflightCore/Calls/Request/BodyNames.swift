/// Finds out what a key of a body is.
struct BodyNames: Sendable {
    enum Meaning: Equatable, Sendable {
        case ruled(BodyField)
        /// A ruled key for parsers that ignore case, or that end a text at a NUL.
        case almostRuled(BodyField)
        case harmless
        case other
    }

    private let names = NameTable(
        BodyField.all.map { ($0.name, Meaning.ruled($0)) } + BodyField.harmless.map { ($0, Meaning.harmless) })

    func find(_ key: JSONScan.Text, in bytes: UnsafeRawBufferPointer) -> Meaning {
        guard key.isEscaped else {
            let name = UnsafeRawBufferPointer(rebasing: bytes[key.range])
            if let meaning = names[name] { return meaning }
            let isPlain = name.allSatisfy { $0 == UInt8(ascii: "_") || $0 &- 97 < 26 || $0 &- 48 < 10 }
            return isPlain ? .other : unusual(key.string(in: bytes))
        }
        return unusual(key.string(in: bytes))
    }

    private func unusual(_ key: String) -> Meaning {
        if let meaning = names[key] { return meaning }
        guard case .ruled(let field) = names[Self.folded(key)] else { return .other }
        return .almostRuled(field)
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
