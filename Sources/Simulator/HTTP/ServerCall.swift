import PreflightCore

/// A request, read in full, in the terms the endpoints need.
struct ServerCall: Sendable {
    static let maximumBodyBytes = 32 << 20

    var method: String
    /// Percent-encoding removed.
    var path: String
    var query: [String: String]
    /// The token of `Authorization: Bearer`.
    var bearer: String?
    var body: [UInt8]
    var client: ClientConnection
    /// By headers, by the body, or by a fault.
    var orders: Orders?
    var errorShape = ErrorShape.openRouter
    /// The body, once it is read as JSON.
    var parsed: JSON?

    /// What follows `/api/v1/`, in parts.
    var segments: [String] {
        path.split(separator: "/").dropFirst(2).map(String.init)
    }

    func json() throws(APIError) -> JSON {
        if let parsed { return parsed }
        do { return try JSON.parse(body) } catch { throw .invalidJSON }
    }

    /// A whole number from the query; wrong ones are refused as the real API does.
    func number(_ name: String) throws(APIError) -> Int? {
        guard let text = query[name] else { return nil }
        guard let value = Int(text), value >= 0 else { throw .zod("Invalid input: expected number, received NaN") }
        return value
    }
}

enum PercentEncoding {
    /// `%2F` and the like resolved; malformed escapes stay as they are.
    static func decoded(_ text: some StringProtocol) -> String {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 <= bytes.count - 1,
                let value = UInt8(String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
            {
                out.append(value)
                index += 3
            } else {
                out.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The pairs of a query string; the first of equal names counts.
    static func query(_ text: some StringProtocol) -> [String: String] {
        var pairs: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = decoded(parts[0])
            if pairs[name] == nil { pairs[name] = parts.count > 1 ? decoded(parts[1]) : "" }
        }
        return pairs
    }
}
