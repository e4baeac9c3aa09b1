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
