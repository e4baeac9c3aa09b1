/// A JSON value that keeps the text of its numbers, so that money is never read through a binary fraction.
///
/// Objects keep their order. Where a key stands twice the last one counts, as in every parser upstream of us.
package enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    /// The number's text as it stood, e.g. `8.6e-05`.
    case number(String)
    case string(String)
    case array([JSON])
    case object(Object)

    package struct Object: Hashable, Sendable {
        package private(set) var members: [Member]

        package struct Member: Hashable, Sendable {
            package var key: String
            package var value: JSON

            package init(key: String, value: JSON) {
                self.key = key
                self.value = value
            }
        }

        package init(_ members: [Member] = []) { self.members = members }

        /// With room for that many members.
        init(capacity: Int) {
            members = []
            members.reserveCapacity(capacity)
        }

        /// Leaves out members by their keys. Their order stays.
        mutating func removeAll(where isLeftOut: (String) -> Bool) { members.removeAll { isLeftOut($0.key) } }

        package subscript(key: String) -> JSON? {
            get { members.last { $0.key == key }?.value }
            set {
                if let index = members.lastIndex(where: { $0.key == key }) {
                    if let newValue { members[index].value = newValue } else { members.remove(at: index) }
                } else if let newValue {
                    members.append(Member(key: key, value: newValue))
                }
            }
        }

        package var keys: [String] { members.map(\.key) }
        package var isEmpty: Bool { members.isEmpty }

        package mutating func append(_ key: String, _ value: JSON) {
            members.append(Member(key: key, value: value))
        }
    }
}

extension JSON {
    package subscript(key: String) -> JSON? {
        if case .object(let object) = self { object[key] } else { nil }
    }

    package subscript(index: Int) -> JSON? {
        if case .array(let array) = self, array.indices.contains(index) { array[index] } else { nil }
    }

    package var object: Object? { if case .object(let value) = self { value } else { nil } }
    package var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var numberText: String? { if case .number(let value) = self { value } else { nil } }
    package var isNull: Bool { self == .null }

    /// A whole number, also when it is written `3.0` or `3e2`; nil when it has a fraction or does not fit.
    package var int: Int? {
        guard case .number(let text) = self else { return nil }
        if let plain = Int(text) { return plain }
        guard let up = DecimalText.scaled(text.utf8, by: 0, roundingUp: true),
            let down = DecimalText.scaled(text.utf8, by: 0, roundingUp: false), up == down
        else { return nil }
        return Int(up)
    }

    /// Dollars from a JSON number, or from a decimal string as price lists have them.
    package func usd(rounding: USD.Rounding = .up) -> USD? {
        switch self {
        case .number(let text), .string(let text): USD(decimal: text, rounding: rounding)
        default: nil
        }
    }

    /// Members that are nil are left out.
    package static func record(_ members: KeyValuePairs<String, JSON?>) -> JSON {
        var object = Object()
        for (key, value) in members {
            if let value { object.append(key, value) }
        }
        return .object(object)
    }

    package static func int(_ value: Int) -> JSON { .number(String(value)) }
    package static func usd(_ value: USD) -> JSON { .number(value.decimalText) }
    package static func strings(_ values: some Sequence<String>) -> JSON { .array(values.map(JSON.string)) }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int) { self = .number(String(value)) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Object(elements.map { Object.Member(key: $0.0, value: $0.1) }))
    }
}
