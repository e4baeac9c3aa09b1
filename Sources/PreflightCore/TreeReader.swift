/// Reads a tree from outside (a YAML or JSON document), naming the place of whatever is wrong with it.
package struct TreeReader: Sendable {
    package let value: JSON
    package let path: String

    package init(_ value: JSON, path: String = "") {
        self.value = value
        self.path = path
    }

    package func fail(_ message: String, hint: String? = nil) -> PreflightError {
        PreflightError(.usage, path.isEmpty ? message : "\(path): \(message)", hint: hint, place: path)
    }

    /// The members of an object whose keys are all known.
    package func object(keys: [String]) throws(PreflightError) -> [String: TreeReader] {
        guard let object = value.object else { throw fail("expected \(keys.prefix(3).joined(separator: ", ")) …") }
        var members: [String: TreeReader] = [:]
        for member in object.members {
            let place = path.isEmpty ? member.key : "\(path).\(member.key)"
            guard keys.contains(member.key) else {
                let reader = TreeReader(member.value, path: place)
                throw reader.fail(
                    "unknown key",
                    hint: NearestName.hint(member.key, among: keys) ?? "known here: \(keys.joined(separator: ", "))")
            }
            guard members[member.key] == nil else { throw TreeReader(member.value, path: place).fail("given twice") }
            // An empty value, as YAML has it, means the default.
            if !member.value.isNull { members[member.key] = TreeReader(member.value, path: place) }
        }
        return members
    }

    package func array() throws(PreflightError) -> [TreeReader] {
        guard let array = value.array else { throw fail("expected a list") }
        return array.enumerated().map { TreeReader($1, path: "\(path)[\($0)]") }
    }

    /// Text; a plain number or yes/no counts as its text.
    package func string() throws(PreflightError) -> String {
        switch value {
        case .string(let text), .number(let text): return text
        case .bool(let value): return value ? "true" : "false"
        default: throw fail("expected text")
        }
    }

    /// A list of texts, or one text.
    package func strings() throws(PreflightError) -> [String] {
        if value.array == nil { return [try string()] }
        var texts: [String] = []
        for element in try array() { texts.append(try element.string()) }
        return texts
    }

    package func int() throws(PreflightError) -> Int {
        guard let number = value.int ?? value.string.flatMap({ Int($0) }) else { throw fail("expected a whole number") }
        return number
    }

    package func usd() throws(PreflightError) -> USD {
        guard let amount = Quantity.usd(try string()) else { throw fail("expected dollars, such as 0.25") }
        return amount
    }

    package func duration() throws(PreflightError) -> Duration {
        guard let duration = Quantity.duration(try string()) else { throw fail("expected a time, such as 90s or 30m") }
        return duration
    }

    package func bytes() throws(PreflightError) -> Int {
        guard let bytes = Quantity.bytes(try string()) else { throw fail("expected a size, such as 512m or 2g") }
        return bytes
    }

    package func choice<Value: RawRepresentable & CaseIterable>(
        _ type: Value.Type
    ) throws(PreflightError) -> Value where Value.RawValue == String {
        let text = try string()
        guard let value = Value(rawValue: text) else {
            throw fail("'\(text)' is none of \(type.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
    }
}
