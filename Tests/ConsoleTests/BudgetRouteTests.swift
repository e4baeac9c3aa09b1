import PreflightCore
import Store
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct BudgetRouteTests {
    @Test func `a budget is made, spent from, changed, reset and closed`() async throws {
        try await withConsole { console in
            let made = try await console.post("/api/budget?scope=acme", #"{"limit": "5.00", "soft_cap": 0.5}"#)
            #expect(made.status == 201)
            #expect(made.json["limit"]?.numberText == "5")
            try await console.spend(USD(picodollars: 2_500_000_000_001), scope: "acme")
            let spent = try await console.get("/api/budget?scope=acme")
            #expect(spent.status == 200)
            #expect(spent.json["scope"] == "acme")
            #expect(spent.json["spent"]?.numberText == "2.500000000001")
            #expect(spent.json["remaining"]?.numberText == "2.499999999999")
            #expect(spent.json["softCapReached"] == true)
            #expect(spent.json["hardCapReached"] == false)
            let changed = try await console.post("/api/budget", #"{"scope": "acme", "daily": 1, "calls": 3}"#)
            #expect(changed.status == 200)
            #expect(changed.json["limit"]?.numberText == "5")
            #expect(changed.json["daily"]?["limit"]?.numberText == "1")
            #expect(changed.json["hardCapReached"] == true)
            #expect(changed.json["calls"]?["remaining"]?.int == 2)
            let reset = try await console.send("POST", "/api/budget/reset?scope=acme")
            #expect(reset.status == 200)
            #expect(reset.json["spent"]?.numberText == "0")
            let closed = try await console.send("DELETE", "/api/budget?scope=acme")
            #expect(closed.status == 200)
            #expect(closed.json["closed"] == true)
            #expect(closed.json["note"]?.string?.contains("stays on record") == true)
            #expect(try await console.get("/api/budget?scope=acme").json["closed"] == true)
        }
    }

    @Test func `a child's availability is that of the tightest scope above it`() async throws {
        try await withConsole { console in
            _ = try await console.post("/api/budget?scope=acme", #"{"limit": 1}"#)
            _ = try await console.post("/api/budget?scope=acme/ci", #"{"limit": 10}"#)
            try await console.spend(USD(cents: 75), scope: "acme/ci")
            let all = try await console.get("/api/budget").json["budgets"]?.array ?? []
            #expect(all.map { $0["scope"]?.string } == ["acme", "acme/ci"])
            #expect(all.last?["parent"] == "acme")
            #expect(all.last?["remaining"]?.numberText == "9.25")
            #expect(all.last?["available"]?.numberText == "0.25")
        }
    }

    @Test func `what is wrong is refused with the nearest right thing`() async throws {
        try await withConsole { console in
            _ = try await console.post("/api/budget?scope=acme", #"{"limit": 1}"#)
            let typo = try await console.post("/api/budget?scope=acme", #"{"limti": 1}"#)
            #expect(typo.status == 400 && typo.hint == "did you mean 'limit'?")
            let missing = try await console.get("/api/budget?scope=acmee")
            #expect(missing.status == 404 && missing.hint == "did you mean 'acme'?")
            #expect(try await console.post("/api/budget?scope=acme", #"{"limit": -1}"#).status == 400)
            #expect(try await console.post("/api/budget?scope=acme", #"{"limit": 1"#).status == 400)
            #expect(try await console.post("/api/budget?scope=a%20b", "{}").status == 400)
            #expect(try await console.post("/api/budget?scope=x", #"{"parent": "none"}"#).status == 400)
            #expect(try await console.post("/api/budget?scope=x", #"{"scope": "y"}"#).status == 400)
            #expect(try await console.post("/api/budget", #"{"limit": 1}"#).message == "scope is missing")
            #expect(try await console.send("DELETE", "/api/budget?scope=none").status == 404)
            #expect(try await console.send("PUT", "/api/budget?scope=acme").status == 405)
            #expect(try await console.get("/api/bugdet").status == 404)
            #expect(try await console.get("/api/budget?scope=acme").json["limit"]?.numberText == "1")
            #expect(try await console.get("/api/budget").json["budgets"]?.array?.count == 1)
        }
    }

    @Test func `calls are listed by scope and after a call`() async throws {
        try await withConsole { console in
            for scope in ["a", "a/b", "c"] { try await console.spend(USD(cents: 1), scope: scope) }
            let all = try await console.get("/api/calls").json
            #expect(all["calls"]?.array?.count == 3)
            #expect(all["calls"]?[0]?["cost"]?.numberText == "0.01")
            #expect(try await console.get("/api/calls?scope=a").json["calls"]?.array?.count == 2)
            let next = try #require(try await console.get("/api/calls?limit=1&since=0").json["next"]?.int)
            let rest = try await console.get("/api/calls?since=\(next)").json
            #expect(rest["calls"]?.array?.map { $0["scope"]?.string } == ["a/b", "c"])
            #expect(try await console.get("/api/calls?since=-1").status == 400)
            #expect(try await console.get("/api/calls?scope=nope").status == 404)
        }
    }
}
