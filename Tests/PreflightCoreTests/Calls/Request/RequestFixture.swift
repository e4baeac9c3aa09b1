import PreflightCore
import TestSupport

/// Chance that is the same in every run.
struct SeededChance: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// JSON text of every shape: all kinds, escapes, blanks, characters of every length.
struct JSONGenerator {
    var chance: SeededChance

    init(seed: UInt64) { chance = SeededChance(seed) }

    mutating func pick<T>(_ choices: [T]) -> T { choices[Int.random(in: 0..<choices.count, using: &chance)] }

    mutating func blanks() -> String { pick(["", "", "", " ", "\n  ", "\t", "\r\n"]) }

    mutating func string() -> String {
        let pieces = [
            "a", "the quick", " ", "é", "人", "😀", #"\n"#, #"\""#, #"\\"#, #"\/"#, #"\u0041"#, #"\ud83d\ude00"#,
            #"\ud83d"#, "0", "{", "]", ",", ":", "\u{7F}", "abcdefghijklmnopqrstuvwxyz",
        ]
        return "\"" + (0..<Int.random(in: 0..<8, using: &chance)).map { _ in pick(pieces) }.joined() + "\""
    }

    mutating func value(depth: Int = 0) -> String {
        switch Int.random(in: 0..<(depth > 4 ? 4 : 6), using: &chance) {
        case 0: return pick(["true", "false", "null"])
        case 1: return pick(["0", "-1", "1.5", "3e2", "-0.25E-3", "12345678901234567890", "0e0"])
        case 2, 3: return string()
        case 4: return object(keys: (0..<Int.random(in: 0..<4, using: &chance)).map { _ in string() }, depth: depth)
        default:
            let elements = (0..<Int.random(in: 0..<4, using: &chance)).map { _ in value(depth: depth + 1) }
            return "[" + blanks() + elements.joined(separator: blanks() + "," + blanks()) + blanks() + "]"
        }
    }

    /// - Parameter keys: with their quotes.
    mutating func object(keys: [String], depth: Int = 0) -> String {
        let members = keys.map { $0 + blanks() + ":" + blanks() + value(depth: depth + 1) }
        return "{" + blanks() + members.joined(separator: blanks() + "," + blanks()) + blanks() + "}"
    }
}

func facts(_ body: String, _ dialect: Dialect = .chat) throws(CallRefusal) -> CallFacts {
    try CallFacts.read(Array(body.utf8), dialect: dialect)
}

/// A chat with one message, and these members besides.
func chat(_ members: String, content: String = "hi") -> String {
    #"{"model":"m","messages":[{"role":"user","content":"\#(content)"}]\#(members.isEmpty ? "" : ",")\#(members)}"#
}

extension CallFacts {
    func with(model: String, fallbacks: [String] = []) -> CallFacts {
        var copy = self
        copy.model = model
        copy.fallbacks = fallbacks
        return copy
    }
}
