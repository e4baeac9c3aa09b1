import NIOCore

/// The fields of a head, as ranges of its bytes: most are only passed on.
struct HTTPFields: Sendable {
    /// The whole head, its first line included.
    private(set) var bytes: [UInt8] = []
    private(set) var fields: [Field] = []
    private var present = FieldName.Group(rawValue: 0)

    struct Field: Sendable {
        fileprivate var nameStart: UInt32
        fileprivate var nameEnd: UInt32
        fileprivate var valueStart: UInt32
        fileprivate var valueEnd: UInt32
        let name: FieldName

        /// The line, with its end.
        fileprivate func line(until end: UInt32) -> Range<Int> { Int(nameStart)..<Int(end) }
    }

    init() {}

    fileprivate init(bytes: [UInt8]) {
        self.bytes = bytes
        fields.reserveCapacity(12)
    }

    /// The value of the last field of that name.
    subscript(name: FieldName) -> String? {
        guard contains(name), let field = fields.last(where: { $0.name == name }) else { return nil }
        return withValue(of: field) { String(decoding: $0, as: UTF8.self) }
    }

    func contains(_ name: FieldName) -> Bool { present.has(name) }

    func count(of name: FieldName) -> Int {
        guard contains(name) else { return 0 }
        var count = 0
        for field in fields where field.name == name { count += 1 }
        return count
    }

    func withValue<T>(of field: Field, _ body: (UnsafeRawBufferPointer) -> T) -> T {
        bytes.withUnsafeBytes { raw in
            body(UnsafeRawBufferPointer(rebasing: raw[Int(field.valueStart)..<Int(field.valueEnd)]))
        }
    }

    /// Whether a comma-separated field has this word, in any case; `word` is in lower case.
    func has(_ word: StaticString, in name: FieldName) -> Bool {
        guard contains(name) else { return false }
        return fields.contains { field in
            field.name == name
                && withValue(of: field) { value in
                    value.split(separator: UInt8(ascii: ",")).contains { part in
                        let part = part.drop { $0 == .blank || $0 == .tab }
                        let end = part.firstIndex { $0 == .blank || $0 == .tab } ?? part.endIndex
                        return UnsafeRawBufferPointer(rebasing: part[..<end]).isNamed(word)
                    }
                }
        }
    }

    /// Whether the last field of that name begins with this word, in any case; `word` is in lower case.
    func has(prefix word: StaticString, in name: FieldName) -> Bool {
        guard contains(name), let field = fields.last(where: { $0.name == name }) else { return false }
        return withValue(of: field) { $0.hasPrefix(word) }
    }

    /// Gives the lines that are not of `group`, with their ends, as few pieces as can be.
    func forEachLine(except group: FieldName.Group, _ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { raw in
            // Before the empty line.
            let end = UInt32(raw.count - 2)
            var run: Range<Int>?
            for (index, field) in fields.enumerated() where !group.has(field.name) {
                let line = field.line(until: index + 1 < fields.count ? fields[index + 1].nameStart : end)
                if let before = run, before.upperBound == line.lowerBound {
                    run = before.lowerBound..<line.upperBound
                } else {
                    if let run { body(UnsafeRawBufferPointer(rebasing: raw[run])) }
                    run = line
                }
            }
            if let run { body(UnsafeRawBufferPointer(rebasing: raw[run])) }
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
        let fault = head.withUnsafeBytes { fields.read($0, from: start) }
        if let fault { throw fault }
        return fields
    }

    private mutating func read(_ head: UnsafeRawBufferPointer, from start: Int) -> HTTPFault? {
        var index = start
        let end = head.count
        while index < end {
            if head[index] == .carriageReturn {
                return index + 2 == end ? nil : HTTPFault(status: 400, reason: "a bare carriage return")
            }
            guard fields.count < 128 else { return HTTPFault(status: 431, reason: "too many header fields") }
            let nameStart = index
            while index < end, head[index].isToken { index += 1 }
            guard index > nameStart, index < end, head[index] == UInt8(ascii: ":") else {
                return HTTPFault(status: 400, reason: "a header line is no field")
            }
            let nameEnd = index
            index += 1
            while index < end, head[index] == .blank || head[index] == .tab { index += 1 }
            let valueStart = index
            while index < end, head[index] >= 0x20 && head[index] != 0x7F || head[index] == .tab { index += 1 }
            var valueEnd = index
            guard index + 1 < end, head[index] == .carriageReturn, head[index + 1] == .lineFeed else {
                return HTTPFault(status: 400, reason: "a control character in a header field")
            }
            index += 2
            while valueEnd > valueStart, head[valueEnd - 1] == .blank || head[valueEnd - 1] == .tab { valueEnd -= 1 }
            let name = FieldName.find(UnsafeRawBufferPointer(rebasing: head[nameStart..<nameEnd]))
            present.insert(name)
            fields.append(
                Field(
                    nameStart: UInt32(nameStart), nameEnd: UInt32(nameEnd), valueStart: UInt32(valueStart),
                    valueEnd: UInt32(valueEnd), name: name))
        }
        return HTTPFault(status: 400, reason: "a head without an end")
    }

    /// What the fields say of the length of the body that follows.
    func framing() throws(HTTPFault) -> HTTPFraming? {
        let lengths = count(of: .contentLength)
        let encodings = count(of: .transferEncoding)
        if encodings > 0 {
            guard lengths == 0 else {
                throw HTTPFault(status: 400, reason: "both transfer-encoding and content-length")
            }
            guard encodings == 1, let field = fields.last(where: { $0.name == .transferEncoding }),
                withValue(of: field, { $0.isNamed("chunked") })
            else { throw HTTPFault(status: 501, reason: "a transfer-encoding other than chunked") }
            return .chunked
        }
        guard lengths > 0 else { return nil }
        guard lengths == 1, let field = fields.last(where: { $0.name == .contentLength }),
            let length = withValue(of: field, { $0.decimal })
        else { throw HTTPFault(status: 400, reason: "a wrong content-length") }
        return .length(length)
    }
}

enum HTTPFraming: Equatable, Sendable {
    case length(Int)
    case chunked
}

extension UnsafeRawBufferPointer {
    /// The number that these digits write, at most 15 of them; nil for anything else.
    var decimal: Int? {
        guard (1...15).contains(count) else { return nil }
        var number = 0
        for byte in self {
            let digit = byte &- 48
            guard digit < 10 else { return nil }
            number = number * 10 + Int(digit)
        }
        return number
    }
}

extension UInt8 {
    static let carriageReturn: UInt8 = 0x0D
    static let lineFeed: UInt8 = 0x0A
    static let blank: UInt8 = 0x20
    static let tab: UInt8 = 0x09

    @inline(__always)
    var lowercased: UInt8 { self &- 65 < 26 ? self | 0x20 : self }

    /// RFC 9110's `tchar`: what names of fields and methods are made of.
    @inline(__always)
    var isToken: Bool { self < 128 && (self < 64 ? Self.tokensBelow64 : Self.tokensAbove) >> (self & 63) & 1 == 1 }

    /// One bit for each of `!#$%&'*+-.` and the digits.
    private static let tokensBelow64: UInt64 = 0x03FF_6CFA_0000_0000
    /// One bit for each letter and each of ``^_`|~``.
    private static let tokensAbove: UInt64 = 0x57FF_FFFF_C7FF_FFFE

    var hexDigit: Int? {
        switch self {
        case 48...57: Int(self) - 48
        case 65...70: Int(self) - 55
        case 97...102: Int(self) - 87
        default: nil
        }
    }
}
