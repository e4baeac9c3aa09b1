import PreflightCore
import Yams

/// A YAML document as a plain tree that remembers its lines.
struct YAMLTree {
    let json: JSON
    private let root: Node?
    private let name: String

    /// - Parameter name: what errors call the document.
    init(_ text: String, name: String) throws(PreflightError) {
        self.name = name
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw PreflightError(.usage, "\(name): \(Self.describe(error))", hint: "it is no valid YAML")
        } catch {
            throw PreflightError(.usage, "\(name): \(error)", hint: "it is no valid YAML")
        }
        var count = 0
        json = try root.map { node throws(PreflightError) in try Self.convert(node, &count, name) } ?? .null
    }

    /// The same error with the name of the file and the line where its place is.
    func locate(_ error: PreflightError) -> PreflightError {
        guard let place = error.place else { return error }
        var located = error
        let line = line(of: place).map { ":\($0)" } ?? ""
        located.message = "\(name)\(line): \(error.message)"
        return located
    }

    /// The line of the nearest node that stands on the way to a place such as `models[1].budget`.
    private func line(of place: String) -> Int? {
        guard var node = root else { return nil }
        var line = node.mark?.line
        for step in place.split(whereSeparator: { ".[]".contains($0) }) {
            if case .sequence(let sequence) = node, let index = Int(step), sequence.indices.contains(index) {
                node = sequence[index]
            } else if case .mapping(let mapping) = node,
                let pair = mapping.first(where: { $0.key.string == String(step) })
            {
                line = pair.key.mark?.line ?? line
                node = pair.value
                continue
            } else {
                break
            }
            line = node.mark?.line ?? line
        }
        return line
    }

    /// Aliases are followed, so a small document can stand for an endless one: nodes are counted.
    private static func convert(_ node: Node, _ count: inout Int, _ name: String) throws(PreflightError) -> JSON {
        count += 1
        guard count <= 20_000 else { throw PreflightError(.usage, "\(name): the document is too large") }
        switch node {
        case .scalar(let scalar): return convert(scalar, of: node)
        case .sequence(let sequence):
            var values: [JSON] = []
            for node in sequence { values.append(try convert(node, &count, name)) }
            return .array(values)
        case .mapping(let mapping):
            var object = JSON.Object()
            for (key, value) in mapping {
                guard let key = key.string else {
                    throw PreflightError(.usage, "\(name):\(key.mark?.line ?? 0): a key must be text")
                }
                object.append(key, try convert(value, &count, name))
            }
            return .object(object)
        case .alias: return .null
        }
    }

    /// A number keeps its text.
    private static func convert(_ scalar: Node.Scalar, of node: Node) -> JSON {
        guard scalar.style == .plain else { return .string(scalar.string) }
        switch node.tag.description {
        case Tag.Name.null.rawValue: return .null
        case Tag.Name.bool.rawValue: return .bool(["true", "yes", "on"].contains(scalar.string.lowercased()))
        case Tag.Name.int.rawValue, Tag.Name.float.rawValue:
            if case .number(let text)? = try? JSON.parse(scalar.string) { return .number(text) }
            return .string(scalar.string)
        default: return .string(scalar.string)
        }
    }

    private static func describe(_ error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            "line \(mark.line), column \(mark.column): \(problem)"
        case .duplicatedKeysInMapping(let keys, let context):
            "line \(context.mark.line): given twice: \(keys.joined(separator: ", "))"
        default: "\(error)"
        }
    }
}

extension JSON {
    /// The tree as YAML text, for the experiment as resolved.
    var yamlText: String {
        get throws {
            try Yams.serialize(node: yamlNode)
        }
    }

    private var yamlNode: Node {
        switch self {
        case .null: Node("null", Tag(.null))
        case .bool(let value): Node(value ? "true" : "false", Tag(.bool))
        case .number(let text): Node(text, Tag(.float))
        case .string(let text): Node(text, Tag(.str), text.isEmpty || text.contains("\n") ? .doubleQuoted : .any)
        case .array(let values): Node(values.map(\.yamlNode))
        case .object(let object): Node(object.members.map { (Node($0.key), $0.value.yamlNode) })
        }
    }
}
