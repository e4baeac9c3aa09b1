/// What is to be changed of a scope, as a request, a file or flags say it. What it does not name stays.
package struct BudgetChange: Sendable, Equatable {
    package var parent: String?
    /// The parent is not said but follows from the names: others may lie between the two.
    package var isParentImplied = false
    package var isClosed: Bool?
    /// Keys of `BudgetLimits.keys`; null takes a limit away.
    package private(set) var limits: JSON.Object

    package static let keys = BudgetLimits.keys + ["parent", "closed"]

    package init(parent: String? = nil, isClosed: Bool? = nil, limits: JSON.Object = JSON.Object()) {
        self.parent = parent
        self.isClosed = isClosed
        self.limits = limits
    }

    /// Reads an object of limits, `parent` and `closed`; a bare amount is its `limit`.
    ///
    /// - Throws: `PreflightError` with code `usage`: unknown keys, with the nearest known one, and wrong values.
    package init(json: JSON) throws(PreflightError) {
        self.init()
        switch json {
        case .number, .string: limits.append("limit", Self.withoutSign(json))
        case .object(let object): for member in object.members { try take(member) }
        default: throw PreflightError(.usage, "expected limits, such as {limit: 5, daily: 1}")
        }
        _ = try applied(to: BudgetLimits())
    }

    private mutating func take(_ member: JSON.Object.Member) throws(PreflightError) {
        switch member.key {
        case "parent" where member.value.isNull, "closed" where member.value.isNull: break
        case "parent":
            guard let name = member.value.string else {
                throw PreflightError(.usage, "parent is the name of a scope", place: "parent")
            }
            try ScopeName.check(name)
            parent = name
        case "closed":
            guard let isClosed = member.value.bool else {
                throw PreflightError(.usage, "closed is true or false", place: "closed")
            }
            self.isClosed = isClosed
        default:
            guard BudgetLimits.keys.contains(member.key) else {
                throw PreflightError(
                    .usage, "unknown key '\(member.key.prefix(80))'",
                    hint: NearestName.hint(String(member.key.prefix(80)), among: Self.keys)
                        ?? "known here: \(Self.keys.joined(separator: ", "))", place: member.key)
            }
            limits[member.key] = Self.withoutSign(member.value)
        }
    }

    private static func withoutSign(_ value: JSON) -> JSON {
        guard let text = value.string, text.hasPrefix("$") else { return value }
        return .string(String(text.dropFirst()))
    }

    package func applied(to base: BudgetLimits) throws(PreflightError) -> BudgetLimits {
        try BudgetLimits(json: .object(limits), over: base)
    }
}
