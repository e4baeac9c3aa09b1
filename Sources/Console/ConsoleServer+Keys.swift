import PreflightCore
import Store

extension ConsoleServer {
    func listKeys() async throws(ConsoleFailure) -> ConsoleAnswer {
        let now = doors.now()
        let keys = try await asking { try await doors.keys.all() }
        return ConsoleAnswer(["keys": .array(keys.map { $0.json(at: now) })])
    }

    /// Makes a key; its text is in this answer and nowhere else.
    func createKey(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        let now = doors.now()
        let body = try call.object(keys: ["scope", "name", "models", "calls_per_minute", "expires"])
        let scope = try call.requiredParameter("scope", body["scope"]?.string)
        let terms = try Self.terms(body, now)
        _ = try await row(scope)
        let (key, text) = try await asking {
            guard let id = try await doors.ledger.findScope(named: scope) else {
                throw PreflightError(.usage, "there is no scope \(scope)")
            }
            return try await doors.keys.create(terms, scope: id, at: now)
        }
        guard var object = key.json(at: now).object else { return ConsoleAnswer(key.json(at: now), status: 201) }
        object.append("key", .string(text.reveal()))
        object.append("note", "the key is shown this once; only its digest is kept")
        return ConsoleAnswer(.object(object), status: 201)
    }

    func revokeKey(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        let name = try call.requiredParameter("key")
        let now = doors.now()
        let revoked = try await asking(isMissing: true) { try await doors.keys.revoke(name, at: now) }
        return ConsoleAnswer(revoked.key.json(at: now))
    }

    private static func terms(
        _ body: JSON.Object, _ now: Timestamp
    ) throws(ConsoleFailure) -> VirtualKeyStore.Terms {
        var terms = VirtualKeyStore.Terms()
        func wrong(_ key: String, _ rule: String) -> ConsoleFailure { ConsoleFailure(400, "\(key) is \(rule)") }
        if let name = body["name"], !name.isNull {
            guard let text = name.string else { throw wrong("name", "text") }
            terms.name = text
        }
        if let models = body["models"], !models.isNull {
            guard let list = models.array, !list.contains(where: { $0.string == nil }) else {
                throw wrong("models", "a list of names")
            }
            terms.models = list.compactMap(\.string)
        }
        if let calls = body["calls_per_minute"], !calls.isNull {
            guard let count = calls.int else { throw wrong("calls_per_minute", "a whole number") }
            terms.callsPerMinute = count
        }
        if let expires = body["expires"], !expires.isNull {
            let text = expires.string ?? expires.numberText ?? ""
            guard let end = Timestamp(end: text, after: now) else {
                throw wrong("expires", "a time such as 7d, or an instant such as 2027-01-01T00:00:00Z")
            }
            terms.expiresAt = end
        }
        return terms
    }
}
