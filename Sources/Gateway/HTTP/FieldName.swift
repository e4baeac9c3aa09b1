/// Names of header fields that the gateway looks at; each field is recognised once, as it is read.
enum FieldName: UInt8, Sendable {
    case host, authorization, apiKey, contentLength, transferEncoding, connection, keepAlive, acceptEncoding
    case expect, te, trailer, upgrade, cookie, setCookie, altSvc, strictTransportSecurity, contentType, retryAfter, date
    case generationID, maxCost, dryRun
    /// Any other `proxy-…`.
    case proxy
    /// Any other `x-preflight-…`.
    case preflight
    case other

    /// Recognises a name in any case of its letters.
    static func find(_ name: UnsafeRawBufferPointer) -> FieldName {
        switch name.count {
        case 2: name.isNamed("te") ? .te : .other
        case 4: name.isNamed("host") ? .host : name.isNamed("date") ? .date : .other
        case 6: name.isNamed("cookie") ? .cookie : name.isNamed("expect") ? .expect : .other
        case 7:
            name.isNamed("trailer")
                ? .trailer : name.isNamed("upgrade") ? .upgrade : name.isNamed("alt-svc") ? .altSvc : .other
        case 9: name.isNamed("x-api-key") ? .apiKey : .other
        case 10:
            name.isNamed("connection")
                ? .connection
                : name.isNamed("keep-alive") ? .keepAlive : name.isNamed("set-cookie") ? .setCookie : other(name)
        case 11: name.isNamed("retry-after") ? .retryAfter : other(name)
        case 12: name.isNamed("content-type") ? .contentType : other(name)
        case 13: name.isNamed("authorization") ? .authorization : other(name)
        case 14: name.isNamed("content-length") ? .contentLength : other(name)
        case 15:
            name.isNamed("accept-encoding")
                ? .acceptEncoding : name.isNamed("x-generation-id") ? .generationID : other(name)
        case 17: name.isNamed("transfer-encoding") ? .transferEncoding : other(name)
        case 19: name.isNamed("x-preflight-dry-run") ? .dryRun : other(name)
        case 20: name.isNamed("x-preflight-max-cost") ? .maxCost : other(name)
        case 25: name.isNamed("strict-transport-security") ? .strictTransportSecurity : other(name)
        default: other(name)
        }
    }

    private static func other(_ name: UnsafeRawBufferPointer) -> FieldName {
        if name.hasPrefix("x-preflight-") { return .preflight }
        return name.hasPrefix("proxy-") ? .proxy : .other
    }

    /// Some of the names.
    struct Group: OptionSet, Sendable {
        let rawValue: UInt32

        init(rawValue: UInt32) { self.rawValue = rawValue }
        init(_ names: FieldName...) { rawValue = names.reduce(0) { $0 | 1 << UInt32($1.rawValue) } }

        @inline(__always)
        func has(_ name: FieldName) -> Bool { rawValue >> UInt32(name.rawValue) & 1 == 1 }
        mutating func insert(_ name: FieldName) { self = Group(rawValue: rawValue | 1 << UInt32(name.rawValue)) }

        /// Fields of one hop, and those that the gateway writes itself.
        static let ofResponseHop = Group(
            .contentLength, .transferEncoding, .connection, .keepAlive, .setCookie, .altSvc, .trailer, .upgrade,
            .strictTransportSecurity, .maxCost, .dryRun, .preflight)

        /// Fields of one hop, credentials, and those that the gateway writes itself. Compression is not asked for,
        /// since the answer is read.
        static let ofRequestHop = Group(
            .host, .authorization, .apiKey, .contentLength, .transferEncoding, .connection, .keepAlive,
            .acceptEncoding, .expect, .te, .trailer, .upgrade, .cookie, .proxy, .maxCost, .dryRun, .preflight)

        /// What ends at a proxy that looks at nothing else, and what it writes itself.
        static let ofPlainHop = Group(.host, .connection, .keepAlive, .contentLength, .transferEncoding, .proxy)
    }
}

extension UnsafeRawBufferPointer {
    /// The same word in any case of its letters; `word` is in lower case.
    @inline(__always)
    func isNamed(_ word: StaticString) -> Bool { count == word.utf8CodeUnitCount && hasPrefix(word) }

    @inline(__always)
    func hasPrefix(_ word: StaticString) -> Bool {
        let length = word.utf8CodeUnitCount
        guard count >= length else { return false }
        let letters = word.utf8Start
        for index in 0..<length where self[index].lowercased != letters[index] { return false }
        return true
    }
}
