import PreflightCore
import Reports

extension ConsoleServer {
    /// One question, one answer, and what is left: for clients that know nothing of keys and dialects.
    func chat(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        guard let body = try call.json().object else { throw ConsoleFailure(400, "expected an object") }
        let scope = try call.requiredParameter("scope", body["scope"]?.string)
        let request = try Self.completion(body, model: options.chatModel)
        _ = try await row(scope)
        let answer = await doors.forward(scope, .object(request))
        guard (200..<300).contains(answer.status) else { return ConsoleAnswer(answer.body, status: answer.status) }
        let stated = answer.headers["x-preflight-cost"].flatMap { USD(decimal: $0) }
        let cost = stated ?? answer.body["usage"]?["cost"]?.usd()
        // The header is of the moment the call ended; without one the ledger knows.
        var remaining = answer.headers["x-preflight-remaining"].flatMap { USD(decimal: $0, rounding: .down) }
        if remaining == nil { remaining = try await row(scope).available }
        var summary = JSON.Object()
        summary.append("text", Self.text(answer.body).map(JSON.string) ?? .null)
        summary.append("cost", cost.map(JSON.usd) ?? .null)
        summary.append("remaining", remaining.map(JSON.usd) ?? .null)
        summary.append("model", answer.body["model"] ?? request["model"] ?? .null)
        summary.append("usage", answer.body["usage"] ?? .null)
        if let finish = answer.body["choices"]?[0]?["finish_reason"] { summary.append("finish", finish) }
        return ConsoleAnswer(.object(summary))
    }

    /// The chat completion that the data plane is given: what it does not know it refuses.
    private static func completion(_ body: JSON.Object, model: String?) throws(ConsoleFailure) -> JSON.Object {
        var request = JSON.Object()
        guard let model = body["model"]?.string ?? model else {
            throw ConsoleFailure(400, "model is missing", hint: "name one, such as meta-llama/llama-3.3-70b-instruct")
        }
        request.append("model", .string(model))
        switch (body["message"], body["messages"]) {
        case (.string(let text)?, nil):
            request.append("messages", [["role": "user", "content": .string(text)]])
        case (nil, .array(let messages)?): request.append("messages", .array(messages))
        default: throw ConsoleFailure(400, "give message, a text, or messages, a list")
        }
        if let stream = body["stream"], stream != .bool(false) {
            throw ConsoleFailure(400, "this address does not stream", hint: "the gateway's own port does")
        }
        for member in body.members where !["scope", "model", "message", "messages", "stream"].contains(member.key) {
            request.append(member.key, member.value)
        }
        return request
    }

    /// The answer's words, which may come in parts.
    private static func text(_ body: JSON) -> String? {
        let content = body["choices"]?[0]?["message"]?["content"]
        if let text = content?.string { return text }
        return content?.array.map { $0.compactMap { $0["text"]?.string }.joined() }
    }
}
