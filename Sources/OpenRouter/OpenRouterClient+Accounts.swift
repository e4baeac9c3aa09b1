package import PreflightCore

/// What an account has bought and used, over its lifetime.
package struct Credits: Sendable, Equatable {
    package var total: USD
    package var used: USD
    package var balance: USD { total - used }
    /// An ordinary key gets zero for both: that is no answer.
    package var isUnknown: Bool { total == .zero && used == .zero }
}

/// The key that asks, as `GET /key` describes it.
package struct KeyInfo: Sendable, Equatable {
    package var label: String?
    package var limit: USD?
    /// What is left of the limit in its window; negative after an overshoot.
    package var remaining: USD?
    package var usage: USD
    package var isManagement: Bool
    package var isFreeTier: Bool
    package var expiresAt: Timestamp?
}

/// A sub-key, as the management API describes it. The key itself is shown once, when it is made.
package struct SubKey: Sendable, Equatable {
    package var hash: String
    package var name: String
    package var limit: USD?
    /// What it has spent so far; nil when the answer does not say, which is not the same as nothing.
    package var usage: USD?
    package var isDisabled: Bool
    package var createdAt: Timestamp?
    package var expiresAt: Timestamp?
}

extension OpenRouterClient {
    /// Lifetime credits and usage. An ordinary key may get 403, or zero for both.
    package func credits() async throws(OpenRouterError) -> Credits {
        let call = Call(path: "/credits")
        let data = try await send(call).json["data"]
        guard let total = data?["total_credits"]?.usd(rounding: .down), let used = data?["total_usage"]?.usd() else {
            throw unreadable(call, "no total_credits and total_usage in the answer")
        }
        return Credits(total: total, used: used)
    }

    package func keyInfo() async throws(OpenRouterError) -> KeyInfo {
        let call = Call(path: "/key")
        guard let data = try await send(call).json["data"], let usage = data["usage"]?.usd() else {
            throw unreadable(call, "no usage in the answer")
        }
        return KeyInfo(
            label: data["label"]?.string, limit: data["limit"]?.usd(rounding: .down),
            remaining: data["limit_remaining"]?.usd(rounding: .down), usage: usage,
            isManagement: data["is_management_key"]?.bool ?? data["is_provisioning_key"]?.bool ?? false,
            isFreeTier: data["is_free_tier"]?.bool ?? false,
            expiresAt: data["expires_at"]?.string.flatMap(Timestamp.init(iso8601:)))
    }

    /// Every sub-key of the default workspace, disabled ones included, newest first.
    package func subKeys() async throws(OpenRouterError) -> [SubKey] {
        var keys: [SubKey] = []
        var seen: Set<String> = []
        // Pages have no end mark: a short or repeated page is the last.
        for page in 0..<1000 {
            let call = Call(
                path: "/keys", query: [("offset", String(page * 100)), ("include_disabled", "true")])
            guard let data = try await send(call).json["data"]?.array else {
                throw unreadable(call, "no list of keys in the answer")
            }
            let fresh = data.compactMap(SubKey.init(json:)).filter { seen.insert($0.hash).inserted }
            keys += fresh
            if data.count < 100 || fresh.isEmpty { break }
        }
        return keys
    }

    /// Makes a sub-key. Not repeated when the answer is lost: whoever intended it must look for the name first.
    package func createSubKey(
        name: String, limit: USD, expiresAt: Timestamp?
    ) async throws(OpenRouterError) -> (SubKey, key: Secret) {
        let call = Call(
            method: "POST", path: "/keys",
            body: .record([
                "name": .string(name), "limit": .usd(limit),
                "expires_at": expiresAt.map { .string($0.iso8601Seconds) },
            ]),
            safety: .once)
        let json = try await send(call).json
        guard let data = json["data"], let subKey = SubKey(json: data), let key = json["key"]?.string, !key.isEmpty
        else { throw unreadable(call, "no key in the answer") }
        return (subKey, Secret(key))
    }

    /// - Parameter timeout: short where something waits for the figure, such as an eject policy.
    package func subKey(hash: String, timeout: Duration = .seconds(10)) async throws(OpenRouterError) -> SubKey {
        let call = Call(path: "/keys/\(hash)", timeout: timeout)
        guard let data = try await send(call).json["data"], let subKey = SubKey(json: data) else {
            throw unreadable(call, "no key in the answer")
        }
        return subKey
    }

    /// What a sub-key has spent, as far as OpenRouter shows it by now. Throws `unreadable` when the answer does not say.
    package func spend(ofSubKey hash: String, timeout: Duration = .seconds(10)) async throws(OpenRouterError) -> USD {
        guard let usage = try await subKey(hash: hash, timeout: timeout).usage else {
            throw unreadable(Call(path: "/keys/\(hash)"), "no usage in the answer")
        }
        return usage
    }

    package func disableSubKey(hash: String, timeout: Duration = .seconds(10)) async throws(OpenRouterError) {
        _ = try await send(
            Call(method: "PATCH", path: "/keys/\(hash)", body: ["disabled": true], timeout: timeout))
    }

    package func setLimit(_ limit: USD, ofSubKey hash: String) async throws(OpenRouterError) {
        _ = try await send(Call(method: "PATCH", path: "/keys/\(hash)", body: ["limit": .usd(limit)]))
    }

    /// Deletes the key; that it is already gone counts as done.
    package func deleteSubKey(hash: String, timeout: Duration = .seconds(15)) async throws(OpenRouterError) {
        do {
            _ = try await send(Call(method: "DELETE", path: "/keys/\(hash)", timeout: timeout))
        } catch  where error.kind == .notFound {
        }
    }

    func unreadable(_ call: Call, _ message: String) -> OpenRouterError {
        OpenRouterError(kind: .unreadable, call: call.name, status: 200, message: message)
    }
}

extension SubKey {
    init?(json: JSON) {
        guard let hash = json["hash"]?.string, !hash.isEmpty else { return nil }
        let limit = json["limit"]?.usd(rounding: .down)
        // Spent in the current window is limit − remaining, where both are given.
        let windowed = json["limit_remaining"]?.usd(rounding: .down).flatMap { remaining in limit.map { $0 - remaining }
        }
        self.init(
            hash: hash, name: json["name"]?.string ?? "", limit: limit,
            usage: [json["usage"]?.usd(), windowed].compactMap(\.self).max(),
            isDisabled: json["disabled"]?.bool ?? false,
            createdAt: json["created_at"]?.string.flatMap(Timestamp.init(iso8601:)),
            expiresAt: json["expires_at"]?.string.flatMap(Timestamp.init(iso8601:)))
    }
}
