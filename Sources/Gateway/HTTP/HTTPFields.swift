/// The fields of a head, as ranges of its bytes: most are only passed on.
struct HTTPFields: Sendable {
    private(set) var bytes: [UInt8] = []
    private(set) var fields: [Field] = []

    struct Field: Sendable {
        fileprivate(set) var nameStart: UInt32
        fileprivate(set) var nameEnd: UInt32
        fileprivate(set) var valueStart: UInt32
        fileprivate(set) var valueEnd: UInt32
    }

    init() {}

    fileprivate init(bytes: [UInt8]) {
        self.bytes = bytes
        fields.reserveCapacity(16)
    }

    /// The value of the last field of that name; `name` is in lower case.
    subscript(name: StaticString) -> String? {
        guard let field = fields.last(where: { isNamed($0, name) }) else { return nil }
        return string(value(of: field))
    }

    func count(of name: StaticString) -> Int {
        var count = 0
        for field in fields where isNamed(field, name) { count += 1 }
        return count
    }

    func contains(_ name: StaticString) -> Bool { fields.contains { isNamed($0, name) } }

    /// Compares without case; `name` is in lower case.
    func isNamed(_ field: Field, _ name: StaticString) -> Bool {
        let count = Int(field.nameEnd - field.nameStart)
        guard count == name.utf8CodeUnitCount else { return false }
        let start = Int(field.nameStart)
        for offset in 0..<count where bytes[start + offset].lowercased != name.utf8Start[offset] { return false }
        return true
    }

    func hasPrefix(_ field: Field, _ prefix: StaticString) -> Bool {
        let count = prefix.utf8CodeUnitCount
        guard Int(field.nameEnd - field.nameStart) >= count else { return false }
        let start = Int(field.nameStart)
        for offset in 0..<count where bytes[start + offset].lowercased != prefix.utf8Start[offset] { return false }
        return true
    }

    func name(of field: Field) -> ArraySlice<UInt8> { bytes[Int(field.nameStart)..<Int(field.nameEnd)] }
    func value(of field: Field) -> ArraySlice<UInt8> { bytes[Int(field.valueStart)..<Int(field.valueEnd)] }
    func string(_ slice: ArraySlice<UInt8>) -> String { String(decoding: slice, as: UTF8.self) }

    /// Whether a comma-separated field has this word, without case; `word` is in lower case.
    func has(_ word: String, in name: StaticString) -> Bool {
        fields.contains { field in
            isNamed(field, name)
                && string(value(of: field)).lowercased().split(separator: ",").contains {
                    $0.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" } == word
                }
        }
    }
}

/// What is wrong with the bytes of a peer.
struct HTTPFault: Error, Equatable, Sendable {
    /// The status that a client is answered with.
    var status: Int
    var reason: String
}

extension HTTPFields {
    /// Reads the lines of a head after its first one: `head` ends with the empty line.
    ///
    /// Strict where leniency has let requests be smuggled: no folded lines, no blank before the colon, no bare line
    /// feeds or carriage returns, no control characters.
    static func parse(_ head: [UInt8], from start: Int) throws(HTTPFault) -> HTTPFields {
        var fields = HTTPFields(bytes: head)
        var index = start
        let end = head.count
        while index < end {
            if head[index] == .carriageReturn {
                guard index + 2 == end else { throw HTTPFault(status: 400, reason: "a bare carriage return") }
                return fields
            }
            guard fields.fields.count < 128 else { throw HTTPFault(status: 431, reason: "too many header fields") }
            let nameStart = index
            while index < end, head[index].isToken { index += 1 }
            guard index > nameStart, index < end, head[index] == UInt8(ascii: ":") else {
                throw HTTPFault(status: 400, reason: "a header line is no field")
            }
            let nameEnd = index
            index += 1
            while index < end, head[index] == .blank || head[index] == .tab { index += 1 }
            let valueStart = index
            while index < end, head[index] >= 0x20 && head[index] != 0x7F || head[index] == .tab { index += 1 }
            var valueEnd = index
            guard index + 1 < end, head[index] == .carriageReturn, head[index + 1] == .lineFeed else {
                throw HTTPFault(status: 400, reason: "a control character in a header field")
            }
            index += 2
            while valueEnd > valueStart, head[valueEnd - 1] == .blank || head[valueEnd - 1] == .tab { valueEnd -= 1 }
            fields.fields.append(
                Field(
                    nameStart: UInt32(nameStart), nameEnd: UInt32(nameEnd), valueStart: UInt32(valueStart),
                    valueEnd: UInt32(valueEnd)))
        }
        throw HTTPFault(status: 400, reason: "a head without an end")
    }

    /// What the fields say of the length of the body that follows.
    func framing() throws(HTTPFault) -> HTTPFraming? {
        let lengths = count(of: "content-length")
        let encodings = count(of: "transfer-encoding")
        if encodings > 0 {
            guard lengths == 0 else {
                throw HTTPFault(status: 400, reason: "both transfer-encoding and content-length")
            }
            guard encodings == 1, self["transfer-encoding"]?.lowercased() == "chunked" else {
                throw HTTPFault(status: 501, reason: "a transfer-encoding other than chunked")
            }
            return .chunked
        }
        guard lengths > 0 else { return nil }
        guard lengths == 1, let text = self["content-length"], !text.isEmpty, text.utf8.count <= 15,
            text.utf8.allSatisfy({ (48...57).contains($0) }), let length = Int(text)
        else { throw HTTPFault(status: 400, reason: "a wrong content-length") }
        return .length(length)
    }
}

enum HTTPFraming: Equatable, Sendable {
    case length(Int)
    case chunked
}

extension UInt8 {
    static let carriageReturn: UInt8 = 0x0D
    static let lineFeed: UInt8 = 0x0A
    static let blank: UInt8 = 0x20
    static let tab: UInt8 = 0x09

    var lowercased: UInt8 { (65...90).contains(self) ? self | 0x20 : self }

    /// RFC 9110's `tchar`: what names of fields and methods are made of.
    var isToken: Bool {
        switch self {
        case 48...57, 65...90, 97...122: true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    var hexDigit: Int? {
        switch self {
        case 48...57: Int(self) - 48
        case 65...70: Int(self) - 55
        case 97...102: Int(self) - 87
        default: nil
        }
    }
}
