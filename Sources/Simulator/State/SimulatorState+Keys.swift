import PreflightCore

extension SimulatorState {
    static let keysPerPage = 100

    /// One page of `GET /keys`, newest first.
    mutating func listKeys(offset: Int, includesDisabled: Bool, workspace: String?, now: Timestamp) -> JSON {
        guard workspace == nil || workspace == Account.workspaceID else { return ["data": []] }
        let shown = keys.all.filter { $0.kind == .ordinary && (includesDisabled || !$0.isDisabled) }
        let page = shown.dropFirst(offset).prefix(Self.keysPerPage)
        return ["data": .array(page.map { $0.managementView(reading(of: $0, now: now)) })]
    }

    mutating func createKey(_ fields: KeyFields, now: Timestamp) throws(APIError) -> JSON {
        guard let name = fields.name else { throw KeyFields.missingName }
        let secret = "sk-or-v1-" + ids.hex(64)
        var key = APIKey(kind: .ordinary, hash: ids.hex(64), secret: secret, name: name, createdAt: now)
        key.apply(fields)
        if let expiresAt = fields.expiresAt { key.expiresAt = expiresAt }
        keys.add(key)
        let reading = Reading(now: now, horizon: now, isStale: false)
        return ["data": key.managementView(reading), "key": .string(secret)]
    }

    mutating func readKey(hash: String, now: Timestamp) throws(APIError) -> JSON {
        let key = try managed(hash)
        return ["data": key.managementView(reading(of: key, now: now))]
    }

    mutating func changeKey(hash: String, _ fields: KeyFields, now: Timestamp) throws(APIError) -> JSON {
        var key = try managed(hash)
        key.apply(fields)
        key.updatedAt = now
        keys[hash: hash] = key
        return ["data": key.managementView(reading(of: key, now: now))]
    }

    mutating func deleteKey(hash: String) throws(APIError) -> JSON {
        _ = try managed(hash)
        _ = keys.remove(hash: hash)
        return ["deleted": true]
    }

    private func managed(_ hash: String) throws(APIError) -> APIKey {
        guard let key = keys[hash: hash], key.kind == .ordinary else { throw .keyNotFound }
        return key
    }
}

extension APIKey {
    /// Takes over what a client may change later, too; an expiry can only be given at creation.
    fileprivate mutating func apply(_ fields: KeyFields) {
        name = fields.name ?? name
        isDisabled = fields.isDisabled ?? isDisabled
        if let limit = fields.limit { self.limit = limit }
        limitWindow = fields.limitWindow ?? limitWindow
        includeBYOKInLimit = fields.includeBYOKInLimit ?? includeBYOKInLimit
    }
}
