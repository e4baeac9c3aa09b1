/// Where the members of a JSON object lie in its bytes, found in one pass that also shows that the bytes are JSON.
///
/// It keeps offsets, no text: the bytes they belong to are needed to read anything through it.
package struct JSONScan: Hashable, Sendable {
    /// In the order of the text; keys may repeat.
    package var members: [Member]
    /// From the opening brace to behind the closing one.
    package var object: Range<Int>

    package struct Member: Hashable, Sendable {
        package var key: Text
        package var value: Range<Int>
        package var kind: Kind
        /// What a request's top-level member is; not judged elsewhere.
        var role = Role.unjudged
    }

    /// A number of `BodyField`, or one of these.
    struct Role: RawRepresentable, Hashable, Sendable {
        var rawValue: UInt8

        static let unjudged = Role(rawValue: 255)
        /// Known to cost nothing.
        static let harmless = Role(rawValue: 254)
        /// It may be part of the prompt.
        static let other = Role(rawValue: 253)
    }

    /// What stands between the quotes of a string.
    package struct Text: Hashable, Sendable {
        package var range: Range<Int>
        /// The bytes hold escapes, so they are not the text itself.
        package var isEscaped: Bool
    }

    package enum Kind: UInt8, Sendable { case object, array, string, number, bool, null }

    /// No request has so many: what is noted of them would be larger than themselves.
    static let mostMembers = 1000

    /// Why bytes are no JSON object, with the byte offset where reading stopped.
    package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        package var reason: String
        package var offset: Int
        package var description: String { "\(reason) at byte \(offset)" }
    }

    /// Reads a text that is one object with nothing but blanks around it.
    package static func read(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> JSONScan {
        guard var reader = JSONReader(bytes) else { throw Failure(reason: "empty", offset: 0) }
        reader.skipBlanks()
        let scan = try reader.members(depth: 0)
        reader.skipBlanks()
        guard reader.index == reader.end else { throw reader.fail("unexpected text after the object") }
        return scan
    }

    package static func read(_ bytes: [UInt8]) throws(Failure) -> JSONScan {
        try bytes.withBody { (body) throws(Failure) in try read(body) }
    }

    /// Reads an object within bytes that were scanned before, at the offset of its opening brace.
    static func nested(in bytes: UnsafeRawBufferPointer, at offset: Int) throws(Failure) -> JSONScan {
        guard var reader = JSONReader(bytes) else { throw Failure(reason: "empty", offset: 0) }
        reader.index = offset
        return try reader.members(depth: 0)
    }
}

extension JSONReader {
    /// Steps over an object and notes its members.
    mutating func members(depth: Int) throws(JSONScan.Failure) -> JSONScan {
        let start = index
        guard byte == UInt8(ascii: "{") else { throw fail("expected an object") }
        var members: [JSONScan.Member] = []
        if opens(closing: UInt8(ascii: "}")) {
            members.reserveCapacity(16)
            repeat {
                guard members.count < JSONScan.mostMembers else {
                    throw fail("an object of more than a thousand members")
                }
                let key = try key()
                let first = index
                let kind = kind
                try skipValue(depth: depth + 1)
                members.append(JSONScan.Member(key: key, value: first..<index, kind: kind))
            } while try continues(until: UInt8(ascii: "}"))
        }
        return JSONScan(members: members, object: start..<index)
    }

    /// What the value at the index is, by its first byte; the value may still turn out to be none.
    var kind: JSONScan.Kind {
        switch byte {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
        case UInt8(ascii: "n"): .null
        default: .number
        }
    }
}

extension [UInt8] {
    /// `withUnsafeBytes` for typed errors.
    func withBody<T, E>(_ body: (UnsafeRawBufferPointer) throws(E) -> T) throws(E) -> T {
        let result = withUnsafeBytes { bytes -> Result<T, E> in
            do throws(E) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
