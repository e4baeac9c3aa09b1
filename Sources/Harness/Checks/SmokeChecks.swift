import OpenRouter
import PreflightCore
import Store

/// The two checks that spend: real calls on sub-keys that are capped, expire, and are gone afterwards.
struct SmokeChecks: Sendable {
    let provisioner: Provisioner
    let inference: OpenRouterClient
    let catalogue: Catalogue
    let models: [String]
    /// Names the keys and their lock, so that a check which is killed can be swept.
    let checkID: String
    let world: World

    static let keyLimit = USD(cents: 1)
    static let keyLife = Duration.seconds(900)

    /// A $0.01 sub-key makes one real call with the cheapest model and is deleted.
    func keySmoke() async -> CheckResult {
        let name = "key_smoke"
        let priced = models.compactMap { catalogue[$0] }
            .compactMap { model in Self.smallCall.cost(model).map { (model, $0) } }
        guard let (model, cost) = priced.min(by: { $0.1 < $1.1 }) else {
            return CheckResult(name, .skip, "no model of the experiment has a price of its own")
        }
        guard cost <= Self.keyLimit else {
            return CheckResult(
                name, .skip, "the smallest call of \(model.id) costs \(cost), more than \(Self.keyLimit)")
        }
        return await withKey(name, limit: Self.keyLimit) { client, clock in
            let request: JSON = .record([
                "model": .string(model.id), "max_tokens": .int(Self.smallCall.completionTokens),
                "messages": [["role": "user", "content": "Reply with the word ok."]],
            ])
            let completion = try await complete(request, client)
            return CheckResult(
                name, .pass,
                "\(model.id) answered in \(clock().shortText), \(Self.costText(completion.usage))")
        }
    }

    /// Two cacheable requests of the cheapest Anthropic model: the first writes the prompt cache, the second reads it.
    func cacheSmoke() async -> CheckResult {
        let name = "cache_smoke"
        let candidates = models.filter { $0.hasPrefix("anthropic/") }.compactMap { catalogue[$0] }
        guard !candidates.isEmpty else {
            return CheckResult(name, .skip, "no Anthropic model in the experiment")
        }
        let priced = candidates.compactMap { model in Self.cacheCall(model).cost(model).map { (model, $0) } }
        guard let (model, cost) = priced.min(by: { $0.1 < $1.1 }) else {
            return CheckResult(name, .skip, "the Anthropic models of the experiment have no price")
        }
        // Two calls, and room for the check that OpenRouter makes before each.
        return await withKey(name, limit: cost * 3) { client, _ in
            let request = cacheRequest(model)
            let first = try await complete(request, client)
            let second = try await client.complete(request)
            let written = first.usage?.cacheWriteTokens ?? 0
            let read = second.usage?.cachedTokens ?? 0
            let total = (first.usage?.cost ?? .zero) + (second.usage?.cost ?? .zero)
            let measured = "\(model.id): \(written) tokens written, \(read) read, \(total)"
            guard read > 0 else {
                let providers = [first.provider, second.provider].compactMap { $0 }
                return CheckResult(
                    name, .warn, "\(measured): nothing was read from the cache",
                    hint: Set(providers).count > 1
                        ? "the calls went to \(providers.joined(separator: " and ")): pin one provider, or send a session_id"
                        : "look at the model's minimum prompt size for caching, see CACHE.md")
            }
            return CheckResult(name, .pass, measured)
        }
    }
}

// MARK: The calls

extension SmokeChecks {
    /// An upper bound of a call's tokens.
    struct CallSize: Sendable {
        var promptTokens: Int
        var completionTokens: Int
        var isCached = false

        /// The worst price of it; nil where the model has none.
        func cost(_ model: Model) -> USD? {
            model.pricing.cost(
                of: Usage(
                    promptTokens: promptTokens, completionTokens: completionTokens,
                    cacheWriteTokens: isCached ? promptTokens : 0))
        }
    }

    static let smallCall = CallSize(promptTokens: 100, completionTokens: 16)

    /// What a provider asks a cached prefix to have at least.
    static func minimumCachedTokens(_ model: String) -> Int {
        let needs4096 = ["opus-4.5", "opus-4.6", "opus-4.7", "opus-4.8", "haiku-4.5"]
        if needs4096.contains(where: model.contains) { return 4096 }
        return model.contains("haiku-3.5") || model.contains("3.5-haiku") ? 2048 : 1024
    }

    static let sentence = "The quick brown fox jumps over the lazy dog while the calm river flows to the sea. "

    /// At least four characters of this text make a token, at most six: the bound holds for every tokenizer.
    private static func text(for model: Model) -> String {
        let characters = minimumCachedTokens(model.id) * 6 + 1200
        return String(repeating: sentence, count: characters / sentence.count + 1)
    }

    static func cacheCall(_ model: Model) -> CallSize {
        CallSize(promptTokens: text(for: model).utf8.count / 3 + 100, completionTokens: 16, isCached: true)
    }

    private func cacheRequest(_ model: Model) -> JSON {
        // The nonce makes the first call a write, whatever was cached before.
        let text = "Check \(checkID).\n" + Self.text(for: model)
        return .record([
            "model": .string(model.id), "max_tokens": .int(Self.cacheCall(model).completionTokens),
            "session_id": .string(checkID),
            "messages": [
                [
                    "role": "system",
                    "content": [["type": "text", "text": .string(text), "cache_control": ["type": "ephemeral"]]],
                ],
                ["role": "user", "content": "Reply with the word ok."],
            ],
        ])
    }

    private static func costText(_ usage: Usage?) -> String { usage?.cost.map { "\($0)" } ?? "cost not stated" }

    /// A new key may not be known everywhere at once: it is given three seconds.
    private func complete(_ request: JSON, _ client: OpenRouterClient) async throws(OpenRouterError) -> Completion {
        for _ in 0..<3 {
            do throws(OpenRouterError) {
                return try await client.complete(request)
            } catch  where error.kind == .unauthorized {
                do { try await world.clock.sleep(for: .seconds(1)) } catch { break }
            }
        }
        return try await client.complete(request)
    }
}

// MARK: The key

extension SmokeChecks {
    /// Lends a sub-key to `body` and deletes it whatever happens; a key that stays behind fails the check.
    private func withKey(
        _ name: String, limit: USD, _ body: (OpenRouterClient, _ elapsed: () -> Duration) async throws -> CheckResult
    ) async -> CheckResult {
        let key: ProvisionedKey
        do {
            // Shielded: a request that is cut off may have made a key that nobody knows.
            let made: Result<ProvisionedKey, any Error> = await shielded {
                do {
                    return .success(
                        try await provisioner.create(
                            run: checkID, trial: name, limit: limit, expiresAt: world.now() + Self.keyLife))
                } catch {
                    return .failure(error)
                }
            }
            key = try made.get()
        } catch {
            return CheckResult(
                name, .fail, "no sub-key: \(error)", hint: (error as? OpenRouterError)?.hint)
        }
        let began = world.uptime()
        var result: CheckResult
        do {
            result = try await body(inference.with(key: key.key)) { world.uptime() - began }
        } catch {
            let failure = error as? OpenRouterError
            result = CheckResult(name, .fail, "\(error)", hint: failure?.hint)
        }
        // Shielded: Ctrl-C must not leave the key.
        let left: String? = await shielded {
            do { try await provisioner.delete(key) } catch { return "\(error)" }
            return nil
        }
        if let left {
            return CheckResult(
                name, .fail, "\(result.detail); sub-key \(key.name) could not be deleted: \(left)",
                hint: "`preflight sweep` tries again")
        }
        if result.status != .fail { result.detail += ", sub-key deleted" }
        return result
    }
}
