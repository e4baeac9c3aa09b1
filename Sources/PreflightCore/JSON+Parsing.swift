extension JSON {
    /// Why a text is no JSON, with the byte offset where reading stopped.
    package struct ParsingError: Error, Equatable, CustomStringConvertible {
        package var reason: String
        package var offset: Int
        package var description: String { "\(reason) at byte \(offset)" }
    }

    /// Deeper nesting is refused: an answer from outside must not overflow the stack.
    package static let maximumDepth = 128

    package static func parse(_ text: String) throws(ParsingError) -> JSON {
        try parse(Array(text.utf8))
    }

    /// Reads one JSON value (RFC 8259); bytes that are no UTF-8 inside strings become U+FFFD.
    package static func parse(_ bytes: [UInt8]) throws(ParsingError) -> JSON { try parse(bytes[...]) }

    package static func parse(_ bytes: ArraySlice<UInt8>) throws(ParsingError) -> JSON {
        try bytes.withUnsafeBufferPointer { bytes throws(ParsingError) in
            var parser = JSONParser(bytes: bytes)
            return try parser.document()
        }
    }
}

/// Reads from memory that lives as long as it does. Every index is held against the end before it is read.
private struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    var index = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    func fail(_ reason: String) -> JSON.ParsingError { JSON.ParsingError(reason: reason, offset: index) }

    /// Bytes that make a text; what is no UTF-8 is replaced.
    func text(from start: Int, to end: Int) -> String {
        String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self)
    }

    mutating func document() throws(JSON.ParsingError) -> JSON {
        let value = try value(depth: 0)
        skipBlanks()
        guard index == bytes.count else { throw fail("unexpected text after the value") }
        return value
    }

    mutating func skipBlanks() {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x09, 0x0A, 0x0D: index += 1
            default: return
            }
        }
    }

    mutating func value(depth: Int) throws(JSON.ParsingError) -> JSON {
        guard depth < JSON.maximumDepth else { throw fail("nested too deeply") }
        skipBlanks()
        guard index < bytes.count else { throw fail("unexpected end") }
        switch bytes[index] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), 48...57: return try number()
        default: throw fail("unexpected character")
        }
    }

    mutating func literal(_ text: StaticString, _ value: JSON) throws(JSON.ParsingError) -> JSON {
        let length = text.utf8CodeUnitCount
        guard bytes.count - index >= length else { throw fail("unexpected end") }
        for offset in 0..<length where bytes[index + offset] != text.utf8Start[offset] {
            throw fail("unexpected word")
        }
        index += length
        return value
    }

    mutating func object(depth: Int) throws(JSON.ParsingError) -> JSON {
        index += 1
        var object = JSON.Object(capacity: depth == 0 ? 8 : 4)
        skipBlanks()
        if index < bytes.count, bytes[index] == UInt8(ascii: "}") {
            index += 1
            return .object(object)
        }
        while true {
            skipBlanks()
            guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { throw fail("expected a key") }
            let key = try string()
            skipBlanks()
            guard index < bytes.count, bytes[index] == UInt8(ascii: ":") else { throw fail("expected ':'") }
            index += 1
            object.append(key, try value(depth: depth + 1))
            guard try continues(until: UInt8(ascii: "}")) else { return .object(object) }
        }
    }

    mutating func array(depth: Int) throws(JSON.ParsingError) -> JSON {
        index += 1
        var array: [JSON] = []
        skipBlanks()
        if index < bytes.count, bytes[index] == UInt8(ascii: "]") {
            index += 1
            return .array(array)
        }
        while true {
            array.append(try value(depth: depth + 1))
            guard try continues(until: UInt8(ascii: "]")) else { return .array(array) }
        }
    }

    /// Steps over a comma (true) or the closing character (false).
    mutating func continues(until end: UInt8) throws(JSON.ParsingError) -> Bool {
        skipBlanks()
        guard index < bytes.count else { throw fail("unexpected end") }
        let byte = bytes[index]
        guard byte == end || byte == UInt8(ascii: ",") else { throw fail("expected ',' or the closing bracket") }
        index += 1
        return byte != end
    }

    mutating func number() throws(JSON.ParsingError) -> JSON {
        let start = index
        if bytes[index] == UInt8(ascii: "-") { index += 1 }
        let whole = digits()
        guard whole > 0 else { throw fail("expected a digit") }
        if whole > 1, bytes[index - whole] == UInt8(ascii: "0") { throw fail("leading zero") }
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            index += 1
            guard digits() > 0 else { throw fail("expected a digit") }
        }
        if index < bytes.count, bytes[index] == UInt8(ascii: "e") || bytes[index] == UInt8(ascii: "E") {
            index += 1
            if index < bytes.count, bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+") {
                index += 1
            }
            guard digits() > 0 else { throw fail("expected a digit") }
        }
        return .number(text(from: start, to: index))
    }

    mutating func digits() -> Int {
        let start = index
        while index < bytes.count, (48...57).contains(bytes[index]) { index += 1 }
        return index - start
    }

    mutating func string() throws(JSON.ParsingError) -> String {
        index += 1
        let start = index
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                defer { index += 1 }
                return text(from: start, to: index)
            case UInt8(ascii: "\\"): return try escapedString(from: start)
            case 0..<0x20: throw fail("control character in a string")
            default: index += 1
            }
        }
        throw fail("unexpected end of a string")
    }

    mutating func escapedString(from start: Int) throws(JSON.ParsingError) -> String {
        var text = Array(bytes[start..<index])
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\""):
                index += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                index += 1
                try escape(into: &text)
            case 0..<0x20: throw fail("control character in a string")
            default:
                text.append(byte)
                index += 1
            }
        }
        throw fail("unexpected end of a string")
    }

    mutating func escape(into text: inout [UInt8]) throws(JSON.ParsingError) {
        guard index < bytes.count else { throw fail("unexpected end of a string") }
        let byte = bytes[index]
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            let unit = try hexUnit()
            text.append(contentsOf: String(Character(try scalar(startingWith: unit))).utf8)
        default: throw fail("unknown escape")
        }
    }

    mutating func hexUnit() throws(JSON.ParsingError) -> UInt32 {
        guard bytes.count - index >= 4 else { throw fail("unexpected end of a string") }
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(UnicodeScalar(bytes[index])).hexDigitValue else {
                throw fail("expected a hexadecimal digit")
            }
            unit = unit * 16 + UInt32(digit)
            index += 1
        }
        return unit
    }

    /// A lone surrogate is read as U+FFFD: real servers cut text inside pairs.
    mutating func scalar(startingWith unit: UInt32) throws(JSON.ParsingError) -> UnicodeScalar {
        guard (0xD800...0xDBFF).contains(unit), bytes.count - index >= 6,
            bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u")
        else { return UnicodeScalar(unit) ?? "\u{FFFD}" }
        let rewind = index
        index += 2
        let low = try hexUnit()
        guard (0xDC00...0xDFFF).contains(low) else {
            index = rewind
            return "\u{FFFD}"
        }
        return UnicodeScalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)) ?? "\u{FFFD}"
    }
}
