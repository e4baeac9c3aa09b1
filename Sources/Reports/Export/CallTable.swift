package import PreflightCore

/// One line for each call to a model, for spreadsheets and programs.
package enum CallTable {
    package static let columns = [
        "run", "trial", "attempt", "call", "time", "started_s", "ended_s", "ending", "model", "served_model",
        "provider", "upstream", "dialect", "generation", "status", "streamed", "sent_again", "reserved_usd",
        "cost_usd", "basis", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens",
        "cache_write_tokens", "duration_s", "first_token_s", "finish", "tools", "reason",
    ]

    package static var header: String { CSV.line(columns) }

    package static func line(_ call: CallEntry, of attempt: TrialAttempt, run: String) -> String {
        var fields: [String] = [run, attempt.alias, "\(attempt.number)"]
        let members = members(call)
        for column in columns.dropFirst(3) { fields.append(text(members[column])) }
        return CSV.line(fields)
    }

    /// The same as an object; what is not known is left out.
    package static func json(_ call: CallEntry, of attempt: TrialAttempt, run: String) -> JSON {
        var object = JSON.Object()
        object.append("kind", "call")
        object.append("run", .string(run))
        object.append("trial", .string(attempt.alias))
        object.append("attempt", .int(attempt.number))
        for member in members(call).members { object.append(member.key, member.value) }
        return .object(object)
    }

    private static func text(_ value: JSON?) -> String {
        switch value {
        case .string(let text)?, .number(let text)?: text
        case .bool(let isTrue)?: isTrue ? "1" : "0"
        case .array(let values)?: values.compactMap(\.string).joined(separator: " ")
        default: ""
        }
    }

    private static func members(_ call: CallEntry) -> JSON.Object {
        func seconds(_ duration: Duration?) -> JSON? { duration.map { .number($0.decimalSeconds(places: 3)) } }
        func names(_ values: [String]) -> JSON? { values.isEmpty ? nil : .strings(values) }
        let usage = call.usage
        return JSON.record([
            "call": call.number.map { .int(Int($0)) }, "time": .string(call.timestamp.iso8601),
            "started_s": seconds(call.startedAt), "ended_s": seconds(call.endedAt),
            "ending": .string(call.ending.rawValue), "model": .string(call.model),
            "served_model": call.servedModel.map(JSON.string), "provider": call.provider.map(JSON.string),
            "upstream": call.upstream.map(JSON.string), "dialect": call.dialect.map(JSON.string),
            "generation": call.generation.map(JSON.string), "status": call.status.map(JSON.int),
            "streamed": .bool(call.isStreamed), "sent_again": .bool(call.isSentAgain),
            "reserved_usd": call.reserved.map(JSON.usd), "cost_usd": call.cost.map(JSON.usd),
            "basis": call.basis.map(JSON.string), "prompt_tokens": usage.map { .int($0.promptTokens) },
            "completion_tokens": usage.map { .int($0.completionTokens) },
            "reasoning_tokens": usage.map { .int($0.reasoningTokens) },
            "cached_tokens": usage.map { .int($0.cachedTokens) },
            "cache_write_tokens": usage.map { .int($0.cacheWriteTokens) }, "duration_s": seconds(call.duration),
            "first_token_s": seconds(call.firstToken), "finish": names(call.finish), "tools": names(call.tools),
            "reason": call.reason.map(JSON.string),
        ]).object ?? JSON.Object()
    }
}
