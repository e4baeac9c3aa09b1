/// How a JSON object whose text was cut can be ended so that it is valid again.
///
/// What was begun is kept as far as it came: a string ends where it was cut, a key gets null, brackets are closed.
struct JSONCompletion {
    /// To be put behind the text. Then the object is open behind a member, or whole if `isWhole`.
    private(set) var bytes: [UInt8] = []
    /// The object needs nothing: it was not cut.
    private(set) var isWhole = false
    /// Another member needs a comma before it.
    private(set) var needsComma = true

    private var brackets: [UInt8] = []
    private var place = Place.value

    private enum Place { case value, firstValue, key, firstKey, colon, behind }

    /// Nil unless `text` is the beginning of one JSON object, as far as can be told.
    init?(of text: [UInt8]) {
        var index = 0
        while index < text.count {
            let byte = text[index]
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D: index += 1
            case _ where isWhole: return nil
            case UInt8(ascii: "\""):
                guard let end = readString(text, from: index + 1) else { return nil }
                index = end
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard isAtValue, !brackets.isEmpty || byte == UInt8(ascii: "{") else { return nil }
                brackets.append(byte)
                place = byte == UInt8(ascii: "{") ? .firstKey : .firstValue
                index += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard close(byte) else { return nil }
                index += 1
            case UInt8(ascii: ","):
                guard place == .behind, let last = brackets.last else { return nil }
                place = last == UInt8(ascii: "{") ? .key : .value
                index += 1
            case UInt8(ascii: ":"):
                guard place == .colon else { return nil }
                place = .value
                index += 1
            default:
                guard isAtValue, !brackets.isEmpty, let end = readWord(text, from: index) else { return nil }
                index = end
            }
        }
        if !isWhole { closeNested() }
    }

    private var isAtValue: Bool { place == .value || place == .firstValue }

    private mutating func close(_ bracket: UInt8) -> Bool {
        let isObject = bracket == UInt8(ascii: "}")
        guard place == .behind || place == (isObject ? .firstKey : .firstValue),
            brackets.last == (isObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
        else { return false }
        brackets.removeLast()
        place = .behind
        isWhole = brackets.isEmpty
        return true
    }

    /// Ends whatever is open, but for the outermost object.
    private mutating func closeNested() {
        if brackets.isEmpty {
            bytes.append(UInt8(ascii: "{"))
            needsComma = false
            return
        }
        while true {
            switch place {
            case .value: bytes.append(contentsOf: "null".utf8)
            case .colon: bytes.append(contentsOf: ":null".utf8)
            case .key where brackets.count > 1: bytes.append(contentsOf: "\"\":null".utf8)
            case .key, .firstKey: needsComma = brackets.count > 1
            case .firstValue, .behind: break
            }
            guard brackets.count > 1, let last = brackets.popLast() else { return }
            bytes.append(last == UInt8(ascii: "{") ? UInt8(ascii: "}") : UInt8(ascii: "]"))
            place = .behind
        }
    }

    /// Answers the index behind the string; one that was cut is ended.
    private mutating func readString(_ text: [UInt8], from start: Int) -> Int? {
        guard isAtValue || place == .key || place == .firstKey, !brackets.isEmpty else { return nil }
        place = isAtValue ? .behind : .colon
        var index = start
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "\""): return index + 1
            case 0..<0x20: return nil
            case UInt8(ascii: "\\"):
                let isUnit = index + 1 < text.count && text[index + 1] == UInt8(ascii: "u")
                let length = isUnit ? 6 : 2
                guard index + length <= text.count else {
                    endEscape(text, from: index)
                    return text.count
                }
                index += length
            default: index += 1
            }
        }
        bytes.append(contentsOf: Self.missingContinuation(of: text, from: start))
        if Self.isHighSurrogate(text.suffix(6)) { bytes.append(contentsOf: "\\udc00".utf8) }
        bytes.append(UInt8(ascii: "\""))
        return text.count
    }

    /// Ends an escape that was cut, and its string; half a surrogate pair becomes a whole one.
    private mutating func endEscape(_ text: [UInt8], from start: Int) {
        let isSecondHalf = Self.isHighSurrogate(text[..<start].suffix(6))
        let begun = text.count - start
        let model = isSecondHalf ? "\\udc00" : begun == 1 ? "\\n" : "\\u2222"
        let rest = Array(model.utf8.dropFirst(begun))
        bytes.append(contentsOf: rest)
        if !isSecondHalf, Self.isHighSurrogate((text[start...] + rest)[...]) {
            bytes.append(contentsOf: "\\udc00".utf8)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func isHighSurrogate(_ tail: ArraySlice<UInt8>) -> Bool {
        let word = String(decoding: tail, as: UTF8.self).lowercased()
        return ["\\ud8", "\\ud9", "\\uda", "\\udb"].contains { word.hasPrefix($0) }
    }

    /// The rest of a character of UTF-8 that was cut.
    private static func missingContinuation(of text: [UInt8], from start: Int) -> [UInt8] {
        guard let lead = text[start...].lastIndex(where: { $0 & 0xC0 != 0x80 }) else { return [] }
        let have = text.count - lead
        let need =
            switch text[lead] {
            case 0xC2...0xDF: 2
            case 0xE0...0xEF: 3
            case 0xF0...0xF4: 4
            default: have
            }
        guard need > have else { return [] }
        var rest = [UInt8](repeating: 0x80, count: need - have)
        if have == 1, text[lead] == 0xE0 { rest[0] = 0xA0 }
        if have == 1, text[lead] == 0xF0 { rest[0] = 0x90 }
        return rest
    }

    /// A number, true, false or null; answers the index behind it.
    private mutating func readWord(_ text: [UInt8], from start: Int) -> Int? {
        var end = start
        while end < text.count, Self.isWordByte(text[end]) { end += 1 }
        guard end > start else { return nil }
        place = .behind
        guard end == text.count else { return end }
        let word = String(decoding: text[start...], as: UTF8.self)
        if let whole = ["true", "false", "null"].first(where: { $0.hasPrefix(word) }) {
            bytes.append(contentsOf: whole.utf8.dropFirst(word.utf8.count))
        } else if let last = word.utf8.last, !(48...57).contains(last) {
            bytes.append(UInt8(ascii: "0"))
        }
        return end
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 0x61...0x7A, UInt8(ascii: "E"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."): true
        default: false
        }
    }
}
