import Gateway
import PreflightCore
import Store
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct KeyRingStoreTests {
    @Test func `a ring follows its store`() async throws {
        try await withTemporaryDirectory { directory in
            let now = Timestamp(seconds: 1_767_268_800)
            let path = directory + "/preflight.sqlite"
            let ledger = try Ledger(path: path, now: { now })
            let scope = try await ledger.scope(named: "acme")
            let store = try VirtualKeyStore(path: path)
            let old = try await store.create(.init(name: "old"), scope: scope, at: now)
            _ = try await store.revoke("old", at: now)
            let ring = KeyRing()
            let own = ring.issue { VirtualKey(id: "t", label: $0, scope: scope, scopeName: "acme", listener: "trial") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await ring.watch(store, every: .milliseconds(10)) }
                let made = try await VirtualKeyStore(path: path).create(
                    .init(models: ["a/*"], callsPerMinute: 3), scope: scope, at: now)
                let text = made.text.reveal()
                #expect(await eventually { ring.find(text.utf8) != nil })
                let key = try #require(ring.find(text.utf8))
                #expect(key.scopeName == "acme" && key.models == [ModelPattern("a/*")] && key.callsPerMinute == 3)
                #expect(ring.find(old.text.reveal().utf8)?.isRevoked == true)
                _ = try await store.revoke(made.key.label, at: now)
                #expect(await eventually { ring.find(text.utf8)?.isRevoked == true })
                #expect(key.isRevoked)
                #expect(!own.key.isRevoked)
                group.cancelAll()
            }
            await ledger.close()
        }
    }
}
