import HTTPTypes
import PreflightCore

extension Orders {
    static let prefix = "x-simulator-"

    /// From headers `x-simulator-…` and from the body's member `simulator`, which wins; nil when there are neither.
    ///
    /// A name that is not known and a value that is not understood are errors: a test must not pass by a misspelling.
    init?(headers: HTTPFields, body: JSON?) throws(APIError) {
        var orders: [(name: String, value: String)] = []
        for field in headers where field.name.canonicalName.hasPrefix(Self.prefix) {
            orders.append((String(field.name.canonicalName.dropFirst(Self.prefix.count)), field.value))
        }
        for member in body?["simulator"]?.object?.members ?? [] {
            let text = member.value.string ?? member.value.numberText ?? member.value.text
            orders.append((String(member.key.map { $0 == "_" ? "-" : $0 }), text))
        }
        guard !orders.isEmpty else { return nil }
        self.init()
        for (name, value) in orders { try take(name, value) }
    }

    private mutating func take(_ name: String, _ value: String) throws(APIError) {
        switch name {
        case "tokens": completionTokens = try Self.count(name, value)
        case "reasoning-tokens": reasoningTokens = try Self.count(name, value)
        case "prompt-tokens": promptTokens = try Self.count(name, value)
        case "cached-tokens": cachedTokens = try Self.count(name, value)
        case "seed":
            guard let seed = UInt64(value) else { throw Self.refused(name, value) }
            self.seed = seed
        case "pace-ms": pace = .milliseconds(try Self.count(name, value))
        case "first-token-ms": wait = .milliseconds(try Self.count(name, value))
        case "searches": searches = try Self.count(name, value)
        case "byok":
            guard let flag = Bool(value) else { throw Self.refused(name, value) }
            isBYOK = flag
        case "usage-chunk":
            guard let shape = UsageChunkShape(rawValue: value) else { throw Self.refused(name, value) }
            usageChunk = shape
        case "failing-models": failingModels = Set(value.split(separator: ",").map(String.init))
        case "fault":
            let fault: Fault
            do { fault = try Fault(order: value) } catch {
                throw .badRequest("\(Self.prefix)\(name): \(error.message)")
            }
            guard fault.model == nil else { throw .badRequest("\(Self.prefix)\(name): use failing-models") }
            self.fault = fault
        default: throw .badRequest("\(Self.prefix)\(name): no such order")
        }
    }

    private static func refused(_ name: String, _ value: String) -> APIError {
        .badRequest("\(prefix)\(name): '\(value)' is not understood")
    }

    private static func count(_ name: String, _ value: String) throws(APIError) -> Int {
        guard let count = Int(value), (0...1_000_000).contains(count) else { throw refused(name, value) }
        return count
    }
}

extension Fault {
    /// Reads `cut_stream` or `status;status=503;retry_after=2`: a kind, and members as the control plane takes them.
    init(order: String) throws(PreflightError) {
        let parts = order.split(separator: ";", omittingEmptySubsequences: false)
        var object = JSON.Object()
        object["path"] = "*"
        object["kind"] = .string(String(parts.first ?? ""))
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { throw PreflightError(.usage, "'\(part)': expected name=value") }
            let text = String(pair[1])
            object[String(pair[0])] = Bool(text).map(JSON.bool) ?? .string(text)
        }
        try self.init(json: .object(object))
    }
}
