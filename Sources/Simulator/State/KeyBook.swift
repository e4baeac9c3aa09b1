import PreflightCore

/// All keys of the account, found by hash or by secret.
struct KeyBook: Sendable {
    private var byHash: [String: APIKey] = [:]
    private var hashBySecret: [String: String] = [:]
    /// Hashes in the order of creation.
    private var order: [String] = []

    subscript(hash hash: String) -> APIKey? {
        get { byHash[hash] }
        set {
            guard let newValue, byHash[hash] != nil else { return }
            byHash[hash] = newValue
        }
    }

    subscript(secret secret: String) -> APIKey? {
        hashBySecret[secret].flatMap { byHash[$0] }
    }

    /// Newest first.
    var all: [APIKey] { order.reversed().compactMap { byHash[$0] } }

    mutating func add(_ key: APIKey) {
        byHash[key.hash] = key
        hashBySecret[key.secret.reveal()] = key.hash
        order.append(key.hash)
    }

    mutating func remove(hash: String) -> Bool {
        guard let key = byHash.removeValue(forKey: hash) else { return false }
        hashBySecret[key.secret.reveal()] = nil
        order.removeAll { $0 == hash }
        return true
    }

    /// - Parameter byok: what the key's owner owes a provider besides.
    mutating func charge(_ cost: USD, byok: USD, hash: String, at now: Timestamp) {
        byHash[hash]?.spend.add(cost, at: now)
        byHash[hash]?.byokSpend.add(byok, at: now)
    }

    mutating func countReading(hash: String) -> Int {
        byHash[hash]?.readings += 1
        return byHash[hash]?.readings ?? 0
    }
}
