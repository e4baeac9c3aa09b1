import PreflightCore

/// The fields of a key as a client writes them, checked for JSON type the way the real API does.
struct KeyFields: Sendable {
    var name: String?
    var isDisabled: Bool?
    /// Outer nil: not mentioned. Inner nil: no limit.
    var limit: USD??
    var limitWindow: SpendHistory.Window?
    var includeBYOKInLimit: Bool?
    var expiresAt: String??

    init(json: JSON) throws(APIError) {
        guard case .object(let object) = json else { throw Self.expected("object", json) }
        if let value = object["name"] {
            guard let text = value.string else { throw Self.expected("string", value) }
            guard !text.isEmpty else { throw .zod("Too small: expected string to have >=1 characters") }
            name = text
        }
        if let value = object["disabled"] { isDisabled = try Self.bool(value) }
        if let value = object["include_byok_in_limit"] { includeBYOKInLimit = try Self.bool(value) }
        if let value = object["limit"] { limit = .some(try Self.limit(value)) }
        if let value = object["limit_reset"] { limitWindow = try Self.window(value) }
        if let value = object["expires_at"] { expiresAt = .some(try Self.instant(value)) }
    }

    private static func expected(_ type: String, _ value: JSON?) -> APIError {
        .zod("Invalid input: expected \(type), received \(typeName(value))")
    }

    static let missingName = expected("string", nil)

    private static func bool(_ value: JSON) throws(APIError) -> Bool {
        guard let flag = value.bool else { throw expected("boolean", value) }
        return flag
    }

    private static func limit(_ value: JSON) throws(APIError) -> USD? {
        if value.isNull { return nil }
        guard case .number = value, let amount = value.usd() else { throw expected("number", value) }
        guard !amount.isNegative else { throw .zod("Too small: expected number to be >=0") }
        return amount
    }

    private static func window(_ value: JSON) throws(APIError) -> SpendHistory.Window {
        if value.isNull { return .lifetime }
        guard let text = value.string, let window = SpendHistory.Window(rawValue: text), window != .lifetime
        else { throw .zod(#"Invalid option: expected one of "daily"|"weekly"|"monthly""#) }
        return window
    }

    private static func instant(_ value: JSON) throws(APIError) -> String? {
        if value.isNull { return nil }
        guard let text = value.string else { throw expected("string", value) }
        guard text.hasSuffix("Z"), Timestamp(iso8601: text) != nil else { throw .zod("Invalid ISO datetime") }
        return text
    }

    private static func typeName(_ value: JSON?) -> String {
        switch value {
        case nil: "undefined"
        case .null: "null"
        case .bool: "boolean"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
