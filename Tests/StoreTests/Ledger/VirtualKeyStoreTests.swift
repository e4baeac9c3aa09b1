import PreflightCore
import Store
import TestSupport
import Testing

@Suite struct VirtualKeyStoreTests {
    private let now = Timestamp(seconds: 1_767_268_800)

    private func withStore(_ body: (VirtualKeyStore, ScopeID, String) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            let now = now
            let ledger = try Ledger(path: path, now: { now })
            let scope = try await ledger.scope(named: "acme")
            try await body(try VirtualKeyStore(path: path), scope, path)
            await ledger.close()
        }
    }

    @Test func `a key's text is given once, and only its digest is kept`() async throws {
        try await withStore { store, scope, path in
            let made = try await store.create(
                .init(name: "ci", models: ["openai/*"], callsPerMinute: 60, expiresAt: now + .seconds(60)),
                scope: scope, at: now)
            let text = made.text.reveal()
            #expect(text.hasPrefix("sk-pf-") && text.count == 70)
            let all = try await store.all()
            #expect(all == [made.key])
            #expect(all.first?.digest == KeyDigest(of: text))
            #expect(all.first?.scopeName == "acme")
            #expect(all.first?.models == ["openai/*"])
            #expect(!made.key.json(at: now).text.contains(String(text.dropFirst(12).dropLast(5))))
            for file in ["", "-wal"] where Files.exists(path + file) {
                let bytes = String(decoding: try Files.read(path + file), as: UTF8.self)
                #expect(!bytes.contains(text))
            }
            #expect(made.key.state(at: now) == .good)
            #expect(made.key.state(at: now + .seconds(60)) == .expired)
        }
    }

    @Test func `a key is revoked by its id, label, name or text, and only once`() async throws {
        try await withStore { store, scope, _ in
            for index in 0..<4 {
                let made = try await store.create(.init(name: "key-\(index)"), scope: scope, at: now)
                let names = [String(made.key.id), made.key.label, "key-\(index)", made.text.reveal()]
                let revoked = try await store.revoke(names[index], at: now)
                #expect(revoked.isNew && revoked.key.id == made.key.id && revoked.key.state(at: now) == .revoked)
                let again = try await store.revoke(names[index], at: now + .seconds(9))
                #expect(!again.isNew && again.key.revokedAt == now)
            }
            let error = await #expect(throws: PreflightError.self) { try await store.revoke("kye-1", at: now) }
            #expect(error?.code == .usage)
        }
    }

    @Test func `a name is free again once its key is revoked, and then means the new one`() async throws {
        try await withStore { store, scope, _ in
            let old = try await store.create(.init(name: "ci"), scope: scope, at: now)
            await #expect(throws: PreflightError.self) {
                try await store.create(.init(name: "ci"), scope: scope, at: now)
            }
            _ = try await store.revoke("ci", at: now)
            let new = try await store.create(.init(name: "ci"), scope: scope, at: now)
            #expect(try await store.revoke("ci", at: now).key.id == new.key.id)
            #expect(old.key.id != new.key.id)
        }
    }

    @Test(arguments: [
        VirtualKeyStore.Terms(name: "12"), .init(name: ""), .init(name: "a b"), .init(models: [""]),
        .init(models: ["a*b"]), .init(models: ["a b"]), .init(callsPerMinute: 0), .init(callsPerMinute: .max),
        .init(expiresAt: Timestamp(seconds: 0)),
    ])
    func `terms that make no sense are refused`(terms: VirtualKeyStore.Terms) async throws {
        try await withStore { store, scope, _ in
            let error = await #expect(throws: PreflightError.self) {
                try await store.create(terms, scope: scope, at: now)
            }
            #expect(error?.code == .usage)
            let all = try await store.all()
            #expect(all.isEmpty)
        }
    }

    @Test func `the version changes with keys and not with calls`() async throws {
        try await withStore { store, scope, path in
            let first = try await store.version()
            let other = try VirtualKeyStore(path: path)
            _ = try await other.create(.init(name: "x"), scope: scope, at: now)
            let second = try await store.version()
            #expect(second != first)
            let now = now
            let ledger = try Ledger(path: path, now: { now })
            let grant = try await ledger.reserve(
                BudgetAsk(base: USD(cents: 1), perOutputToken: .zero, wantedOutput: 1), scope: scope)
            await ledger.resolve(grant.call, .released)
            await ledger.close()
            #expect(try await store.version() == second)
            _ = try await other.revoke("x", at: now)
            #expect(try await store.version() != second)
        }
    }
}

@Suite struct ScopeDefinitionTests {
    private func withLedger(_ body: (Ledger, String) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            let ledger = try Ledger(path: path, now: { Timestamp(seconds: 1_767_268_800) })
            try await body(ledger, path)
            await ledger.close()
        }
    }

    private func change(_ text: String) throws -> BudgetChange { try BudgetChange(json: JSON.parse(text)) }

    @Test func `a scope lies below the one that its path names, and keeps what a change leaves out`() async throws {
        try await withLedger { ledger, path in
            let acme = try await ledger.define("acme", change(#"{"limit": 5}"#))
            #expect(acme.isNew)
            let ci = try await ledger.define("acme/ci", change(#"{"daily": "0.1", "tokens": 100}"#))
            #expect(ci.standing.headroom == USD(cents: 10))
            let again = try await ledger.define("acme/ci", change(#"{"daily": null, "closed": true}"#))
            #expect(!again.isNew && again.id == ci.id)
            #expect(again.standing.scope.limits.tokens == 100)
            #expect(again.standing.scope.limits.money.daily == nil)
            #expect(again.standing.scope.isClosed)
            #expect(again.standing.headroom == USD(cents: 500))
            let scopes = try await LedgerReader(path: path).scopes()
            #expect(scopes.map(\.parent) == [nil, "acme"])
        }
    }

    @Test func `changes of two connections at once do not undo each other`() async throws {
        try await withLedger { ledger, path in
            let other = try Ledger(path: path, now: { Timestamp(seconds: 1_767_268_800) })
            _ = try await ledger.define("a", BudgetChange())
            let (first, second) = (try change(#"{"limit": 1}"#), try change(#"{"calls": 7}"#))
            async let one = ledger.define("a", first)
            async let two = other.define("a", second)
            _ = try await (one, two)
            let limits = try await ledger.define("a", BudgetChange()).standing.scope.limits
            #expect(limits.money.total == USD(cents: 100) && limits.calls == 7)
            await other.close()
        }
    }

    @Test func `a scope keeps its parent, and a parent must be there`() async throws {
        try await withLedger { ledger, path in
            _ = try await ledger.define("a", BudgetChange())
            _ = try await ledger.define("b", BudgetChange(parent: "a"))
            for (name, parent) in [("b", "b"), ("a", "b"), ("c", "none")] {
                let error = await #expect(throws: PreflightError.self) {
                    try await ledger.define(name, BudgetChange(parent: parent))
                }
                #expect(error?.place == "parent")
            }
            #expect(try await LedgerReader(path: path).scopes().map(\.scope.name) == ["a", "b"])
        }
    }

    @Test func `calls are listed by scope with those below, newest or after one`() async throws {
        try await withLedger { ledger, path in
            let a = try await ledger.define("a", BudgetChange()).id
            let b = try await ledger.define("a/b", BudgetChange()).id
            let c = try await ledger.define("c", BudgetChange()).id
            var ids: [CallID] = []
            for scope in [a, b, c, b] {
                let ask = BudgetAsk(base: USD(cents: 1), perOutputToken: .zero, wantedOutput: 1)
                let grant = try await ledger.reserve(ask, scope: scope)
                await ledger.resolve(grant.call, .settled(cost: USD(cents: 1), tokens: 1))
                ids.append(grant.call)
            }
            let reader = try LedgerReader(path: path)
            #expect(try await reader.calls(of: "a", limit: 10).map(\.id) == [ids[0], ids[1], ids[3]])
            #expect(try await reader.calls(of: "a", limit: 2).map(\.id) == [ids[1], ids[3]])
            #expect(try await reader.calls(after: ids[0], limit: 2).map(\.id) == [ids[1], ids[2]])
            #expect(try await reader.calls(of: "a/b", after: ids[1], limit: 9).map(\.id) == [ids[3]])
        }
    }
}
