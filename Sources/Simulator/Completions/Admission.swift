import PreflightCore

/// A call that was let through: everything its answer follows from.
struct Admission: Sendable {
    var generationID: String
    var keyHash: String
    var model: Model
    var provider: Provider
    var request: CompletionRequest
    var turn: Scenario.Turn
    var draft: Draft
    var usageChunk: UsageChunkShape
    var admittedAt: Timestamp

    /// What `model` reads in the answer: the dated name, as recorded answers have it.
    var modelName: String { model.canonicalSlug ?? model.id }

    /// Over all choices.
    var completionTokens: Int { draft.completionTokens * request.choices }
}

extension SimulatorState {
    /// Decides on a completion the way the real service does before routing: only by what is spent already, so
    /// calls that run at the same time can overrun a cap together.
    mutating func admit(_ request: CompletionRequest, key: APIKey, now: Timestamp) throws(APIError) -> Admission {
        guard key.kind == .ordinary else { throw .managementKeyCalls }
        guard let model = catalogue.serving(request.modelID) else {
            throw .badRequest("\(request.modelID) is not a valid model ID")
        }
        try checkCap(of: key, now: now)
        try checkBalance(for: model)
        try checkPriceCeiling(request, model: model)
        try checkAffordable(request, model: model, key: key, now: now)

        callNumber += 1
        let suffix = ids.letters(20)
        let turn = scenario.script(for: request.modelID, model.id).turn(request.turnIndex)
        return Admission(
            generationID: "gen-\(now.secondsSince1970)-\(suffix)", keyHash: key.hash, model: model,
            provider: Provider(modelID: model.id), request: request, turn: turn,
            draft: Draft(turn: turn, request: request, idSuffix: suffix),
            usageChunk: options.usageChunk.resolved(call: callNumber), admittedAt: now)
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
        let rates = model.pricing.rates(promptTokens: request.prompt.tokenCount)
        func exceeds(_ price: USD?, _ ceiling: USD?) -> Bool {
            guard let price, let ceiling else { return false }
            return price > ceiling
        }
        guard
            exceeds(rates.prompt, request.maxPromptPrice)
                || exceeds(rates.completion, request.maxCompletionPrice)
        else { return }
        throw APIError(
            status: 404, message: "No endpoints found for \(model.id) within the given max_price.",
            metadata: ["availability": ["code": "constraint_filtered", "retryable": false]], namesUser: true)
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
