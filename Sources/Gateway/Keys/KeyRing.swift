package import Store
import Synchronization

/// The virtual keys that are good now, by the digest of their text.
package final class KeyRing: Sendable {
    private let keys = Mutex<[KeyDigest: VirtualKey]>([:])
    /// Those of `keys` that a store holds.
    private let stored = Mutex<Set<KeyDigest>>([])

    package init() {}

    package func add(_ key: VirtualKey, digest: KeyDigest) { keys.withLock { $0[digest] = key } }

    /// Makes a key that is in no store: its text is returned, and kept nowhere.
    package func issue(_ make: (_ label: String) -> VirtualKey) -> (key: VirtualKey, text: String) {
        let text = KeyText.random()
        return (issue(text, make), text)
    }

    /// The same with a text that a caller knows already.
    package func issue(_ text: String, _ make: (_ label: String) -> VirtualKey) -> VirtualKey {
        let key = make(KeyText.label(of: text))
        add(key, digest: KeyDigest(of: text))
        return key
    }

    /// A revoked key stays known, so that its use can be told from a wrong key's.
    package func revoke(_ key: VirtualKey) { key.revoke() }

    package func find(_ text: some Sequence<UInt8>) -> VirtualKey? {
        let digest = KeyDigest(of: text)
        return keys.withLock { $0[digest] }
    }

    /// Takes what a store holds now: what it holds no more is revoked.
    package func replaceStored(with stored: [KeyDigest: VirtualKey]) {
        let before = self.stored.withLock { known in
            defer { known = Set(stored.keys) }
            return known
        }
        keys.withLock { keys in
            for (digest, key) in keys where before.contains(digest) {
                guard let fresh = stored[digest] else {
                    key.revoke()
                    continue
                }
                // The same object stays, with the minute it has used, as long as nothing changed.
                if fresh.isSame(as: key) { continue }
                keys[digest] = fresh
                key.revoke()
            }
            for (digest, key) in stored where keys[digest] == nil { keys[digest] = key }
        }
    }
}

extension VirtualKey {
    fileprivate func isSame(as other: VirtualKey) -> Bool {
        id == other.id && scope == other.scope && models == other.models && expiresAt == other.expiresAt
            && callsPerMinute == other.callsPerMinute && isRevoked == other.isRevoked
    }
}
