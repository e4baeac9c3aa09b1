import PreflightCore

/// A call that was let through: everything its answer follows from.
struct Admission: Sendable {
    var generationID: String
    var keyHash: String
    var model: Model
    var provider: Provider
    var request: CompletionRequest
    var orders: Orders
    var turn: Scenario.Turn
    var draft: Draft
    var usageChunk: UsageChunkShape
    var tariff: Tariff
    var flavour: SimulatorOptions.Flavour
    var admittedAt: Timestamp
    /// Set when the prompt's share of the cache had to be known before the end.
    var cacheHit: PromptCache.Hit?

    /// What `model` reads in the answer: the dated name, as recorded answers have it.
    var modelName: String { model.canonicalSlug ?? model.id }

    /// Over all choices.
    var completionTokens: Int { draft.completionTokens * request.choices }

    /// What comes before the first token.
    var wait: Scenario.Wait { orders.wait.map(Scenario.Wait.duration) ?? turn.wait }

    /// How the answer breaks: as ordered, or as the script has it.
    var breakage: Breakage? {
        if let breakage = orders.breakage { return breakage }
        guard let failure = turn.failure, failure.isMidStream else { return nil }
        return Breakage(kind: .error(failure, showsUsage: false))
    }

    /// Whether dropping the stream ends production.
    func stopsWhenCancelled(_ rule: SimulatorOptions.CancellationRule) -> Bool {
        guard !orders.keepsGenerating else { return false }
        return switch rule {
        case .byProvider: provider.stopsWhenCancelled
        case .stops: true
        case .keepsGenerating: false
        }
    }
}

extension SimulatorState {
    /// Finds the model that serves a call: the first of its list that is allowed, and whose provider does not fail.
    /// The last one is answered for whatever becomes of it.
    mutating func admit(
        _ request: CompletionRequest, _ orders: Orders, key: APIKey, path: String, now: Timestamp
    ) throws(APIError) -> Admission {
        guard key.kind == .ordinary else { throw .managementKeyCalls }
        for name in request.candidates.dropLast() {
            let admission: Admission
            do {
                admission = try admit(request, orders, model: name, key: key, path: path, now: now)
            } catch  where error.status == 404 || error.status == 503 {
                continue
            }
            guard let failure = admission.turn.failure, !failure.isMidStream else { return admission }
        }
        return try admit(request, orders, model: request.candidates.last ?? "", key: key, path: path, now: now)
    }

    /// Decides on a completion the way the real service does before routing: only by what is spent already, so
    /// calls that run at the same time can overrun a cap together.
    private mutating func admit(
        _ request: CompletionRequest, _ orders: Orders, model name: String, key: APIKey, path: String, now: Timestamp
    ) throws(APIError) -> Admission {
        guard let model = catalogue.serving(name) else { throw .badRequest("\(name) is not a valid model ID") }
        guard catalogue.isEmbedding(model) == (request.kind == .embeddings) else { throw .wrongEndpoint(model.id) }
        try checkCap(of: key, now: now)
        try checkBalance(for: model)
        try checkPriceCeiling(request, model: model)
        try checkAffordable(request, model: model, key: key, now: now)
        try checkContext(request, model: model)
        return admitted(request, orders, model: model, name: name, key: key, path: path, now: now)
    }

    mutating func admitted(
        _ request: CompletionRequest, _ orders: Orders, model: Model, name: String, key: APIKey, path: String,
        now: Timestamp
    ) -> Admission {
        callNumber += 1
        let suffix = ids.letters(20)
        var turn = scenario.script(for: name, model.id).turn(request.turnIndex)
        turn.promptTokens = orders.promptTokens ?? turn.promptTokens
        turn.cachedTokens = orders.cachedTokens ?? turn.cachedTokens
        turn.reasoningTokens = orders.reasoningTokens ?? turn.reasoningTokens
        if let failure = refusal(of: model, named: name, orders, path: path) { turn.failure = failure }
        let isPlain = options.flavour != .openRouter
        return Admission(
            generationID: isPlain ? "chatcmpl-\(suffix)" : "gen-\(now.secondsSince1970)-\(suffix)",
            keyHash: key.hash, model: model,
            provider: request.routing.provider.flatMap(Provider.init(slug:)) ?? Provider(modelID: model.id),
            request: request, orders: orders, turn: turn,
            draft: Draft(
                turn: turn, request: request, orders: orders, idSuffix: suffix,
                seed: orders.seed ?? (options.seed ?? 0) &+ UInt64(truncatingIfNeeded: callNumber)),
            usageChunk: orders.usageChunk ?? options.usageChunk.resolved(call: callNumber),
            tariff: Tariff(request, orders, model: model, options: options), flavour: options.flavour,
            admittedAt: now)
    }

    /// What the model's provider says instead of an answer, by order or by a fault that names the model.
    private mutating func refusal(
        of model: Model, named name: String, _ orders: Orders, path: String
    ) -> Scenario.Failure? {
        for name in Set([name, model.id]) {
            guard let fault = faults.take(method: "POST", path: path, model: name) else { continue }
            return Scenario.Failure(status: fault.status ?? 502, message: fault.body ?? "Provider returned error")
        }
        guard orders.failingModels.contains(name) || orders.failingModels.contains(model.id) else { return nil }
        return Scenario.Failure(status: 503, message: "Provider returned error")
    }

    private func checkCap(of key: APIKey, now: Timestamp) throws(APIError) {
        guard let remaining = key.remaining(at: now), remaining <= .zero else { return }
        let window = key.limitWindow == .lifetime ? "total" : key.limitWindow.rawValue
        throw APIError(
            status: 403,
            message: "Key limit exceeded (\(window) limit). Manage it using https://openrouter.ai/settings/keys")
    }

    private func checkBalance(for model: Model) throws(APIError) {
        let isEmpty = model.pricing.isFree ? account.balance < .zero : account.balance <= .zero
        guard isEmpty else { return }
        let never = account.totalCredits <= .zero
        let text = never ? "Insufficient credits. This account never purchased credits." : "Insufficient credits."
        throw APIError(
            status: 402, message: "\(text) Add more using https://openrouter.ai/credits", namesUser: true)
    }

    private func checkPriceCeiling(_ request: CompletionRequest, model: Model) throws(APIError) {
        guard !request.routing.allow(model.pricing.rates(promptTokens: request.prompt.tokenCount)) else { return }
        throw APIError(
            status: 404, message: "No endpoints found for \(model.id) within the given max_price.",
            metadata: ["availability": ["code": "constraint_filtered", "retryable": false]], namesUser: true,
            availability: ["code": "constraint_filtered", "retryable": false, "excluded_by": ["max_price"]])
    }

    /// Could balance and cap pay for the prompt plus the longest answer?
    private func checkAffordable(
        _ request: CompletionRequest, model: Model, key: APIKey, now: Timestamp
    ) throws(APIError) {
        let promptTokens = request.prompt.tokenCount
        let rates = model.pricing.rates(promptTokens: promptTokens)
        guard let promptPrice = rates.prompt, let completionPrice = rates.completion else { return }
        let remaining = key.remaining(at: now) ?? .max
        let available = min(account.balance, remaining)
        let remedy = remaining < account.balance ? Self.keyRemedy(key) : Self.accountRemedy

        if let affordable = available.count(of: promptPrice), affordable < promptTokens {
            throw Self.unaffordable("Prompt tokens limit exceeded: \(promptTokens) > \(affordable). \(remedy)")
        }
        let wanted = request.maxTokens ?? model.maxCompletionTokens ?? 65_536
        let afterPrompt = available - promptPrice * promptTokens
        if let affordable = afterPrompt.count(of: completionPrice), affordable < wanted {
            throw Self.unaffordable(
                "This request requires more credits, or fewer max_tokens. You requested up to \(wanted) tokens, "
                    + "but can only afford \(affordable). \(remedy)")
        }
    }

    /// The longest answer that is asked for has to fit beside the prompt.
    private func checkContext(_ request: CompletionRequest, model: Model) throws(APIError) {
        guard let context = model.contextLength, let wanted = request.maxTokens else { return }
        let promptTokens = request.prompt.tokenCount
        guard wanted > context - promptTokens else { return }
        throw .badRequest(
            "This endpoint's maximum context length is \(context) tokens. However, you requested more: \(promptTokens) "
                + "of text input, \(wanted) in the output. Please reduce the length of either one.")
    }

    private static let accountRemedy =
        "To increase, visit https://openrouter.ai/settings/credits and upgrade to a paid account"

    private static func keyRemedy(_ key: APIKey) -> String {
        let window = key.limitWindow == .lifetime ? "total" : key.limitWindow.rawValue
        return "To increase, visit https://openrouter.ai/settings/keys and create a key with a higher \(window) limit"
    }

    private static func unaffordable(_ message: String) -> APIError {
        let previous: JSON = ["code": 402, "message": .string(message)]
        return APIError(
            status: 402, message: message, metadata: ["provider_name": .null, "previous_errors": [previous]],
            namesUser: true)
    }
}
