package import PreflightCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Scenario {
    /// The scenarios that come with the simulator.
    package static let bundled: [String: Scenario] = ["echo": .echo, "fates": .fates]

    /// A bundled scenario by its name, else the file at this path.
    package static func load(_ nameOrPath: String) throws -> Scenario {
        if let scenario = bundled[nameOrPath] { return scenario }
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: nameOrPath))
        } catch {
            let suggestion = NearestName.hint(nameOrPath, among: bundled.keys)
            throw PreflightError(
                .usage, "no scenario '\(nameOrPath)': neither a bundled one nor a file that can be read",
                hint: suggestion ?? "bundled scenarios: \(bundled.keys.sorted().joined(separator: ", "))")
        }
        return try parse(Array(data), name: nameOrPath)
    }

    /// Reads a scenario file; an error names the place inside it.
    package static func parse(_ bytes: [UInt8], name: String) throws(PreflightError) -> Scenario {
        let json: JSON
        do { json = try JSON.parse(bytes) } catch { throw PreflightError(.usage, "\(name): not JSON, \(error)") }
        return try parse(json, name: name)
    }

    package static func parse(_ json: JSON, name: String) throws(PreflightError) -> Scenario {
        do { return try read(TreeReader(json), name: name) } catch {
            throw PreflightError(error.code, "\(name): \(error.message)", hint: error.hint)
        }
    }

    private static func read(_ file: TreeReader, name: String) throws(PreflightError) -> Scenario {
        let members = try file.object(keys: ["name", "models"])
        guard let models = members["models"] else { throw file.fail("'models' is missing") }
        guard let ids = models.value.object?.keys else { throw models.fail("expected an object of models") }
        var scripts: [String: Script] = [:]
        for (id, reader) in try models.object(keys: ids) { scripts[id] = try script(reader) }
        return Scenario(name: try members["name"]?.string() ?? name, scripts: scripts)
    }

    /// A behaviour's name, or turns.
    private static func script(_ reader: TreeReader) throws(PreflightError) -> Script {
        if reader.value.string != nil { return try reader.named(Behaviour.self).script }
        let members = try reader.object(keys: ["behaviour", "turns", "then"])
        if let behaviour = members["behaviour"] { return try behaviour.named(Behaviour.self).script }
        guard let list = members["turns"] else { throw reader.fail("'turns' or 'behaviour' is missing") }
        var turns: [Turn] = []
        for element in try list.array() { turns.append(try turn(element)) }
        guard !turns.isEmpty else { throw list.fail("at least one turn is needed") }
        return Script(turns: turns, end: try members["then"]?.named(Script.End.self) ?? .stop)
    }

    private static func turn(_ reader: TreeReader) throws(PreflightError) -> Turn {
        let members = try reader.object(keys: [
            "text", "tool_calls", "reasoning", "prompt_tokens", "completion_tokens", "cached_tokens",
            "cache_write_tokens", "reasoning_tokens", "extra_cost", "delay", "error", "repeat",
        ])
        var turn = Turn()
        turn.text = try members["text"]?.string()
        turn.reasoning = try members["reasoning"]?.string()
        for call in try members["tool_calls"]?.array() ?? [] { turn.toolCalls.append(try toolCall(call)) }
        turn.promptTokens = try members["prompt_tokens"]?.count()
        turn.completionTokens = try members["completion_tokens"]?.count()
        turn.cachedTokens = try members["cached_tokens"]?.count()
        turn.cacheWriteTokens = try members["cache_write_tokens"]?.count()
        turn.reasoningTokens = try members["reasoning_tokens"]?.count()
        turn.extraCost = try members["extra_cost"]?.usd()
        turn.wait = try members["delay"]?.wait() ?? .none
        if let failure = members["error"] { turn.failure = try self.failure(failure) }
        turn.repetitions = try members["repeat"]?.countOrForever() ?? 1
        return turn
    }

    private static func toolCall(_ reader: TreeReader) throws(PreflightError) -> ToolCall {
        let members = try reader.object(keys: ["name", "arguments"])
        guard let name = members["name"] else { throw reader.fail("'name' is missing") }
        let arguments = members["arguments"]?.value ?? .object(JSON.Object())
        guard arguments.object != nil else { throw reader.fail("'arguments' has to be an object") }
        return ToolCall(name: try name.string(), arguments: arguments)
    }

    private static func failure(_ reader: TreeReader) throws(PreflightError) -> Failure {
        let members = try reader.object(keys: ["status", "message", "mid_stream"])
        guard let status = members["status"] else { throw reader.fail("'status' is missing") }
        return Failure(
            status: try status.count(in: 400...599),
            message: try members["message"]?.string() ?? "Provider returned error",
            isMidStream: try members["mid_stream"]?.bool() ?? false)
    }
}
