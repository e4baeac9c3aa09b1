import Console
import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct AccessTests {
    private static let changes = [
        ("POST", "/api/budget?scope=a"), ("DELETE", "/api/budget?scope=a"), ("POST", "/api/budget/reset?scope=a"),
        ("POST", "/api/keys?scope=a"), ("DELETE", "/api/keys?key=1"), ("POST", "/api/chat"),
    ]

    private func expect(
        _ status: Int, _ answer: ConsoleBench.Answer, at place: SourceLocation = #_sourceLocation
    ) {
        #expect(answer.status == status, sourceLocation: place)
    }

    @Test(arguments: changes)
    func `what changes things needs the administrator's token`(method: String, path: String) async throws {
        try await withConsole { console in
            for token in [nil, "", "wrong", ConsoleBench.token + "x", String(ConsoleBench.token.dropLast())] {
                let answer = try await console.send(method, path, "{}", token: token)
                #expect(answer.status == 401)
                #expect(answer.headers["www-authenticate"] == "Bearer")
            }
            #expect(try await console.ledger.findScope(named: "a") == nil)
            #expect(console.forwarded.all.isEmpty)
        }
    }

    @Test(arguments: ["evil.example", "127.0.0.1.evil.example", "0.0.0.0", "10.0.0.1:80", "localhost.evil.example"])
    func `a name that was bent to this machine is not served`(host: String) async throws {
        try await withConsole { console in
            let answer = try await console.send("GET", "/api/budget", headers: ["Host": host])
            #expect(answer.status == 403)
        }
    }

    @Test func `a page of another site is not served, one of the console's own is`() async throws {
        try await withConsole { console in
            let own = String(console.url.dropFirst(7))
            for headers in [
                ["Origin": "http://evil.example"], ["Origin": "null"], ["Sec-Fetch-Site": "cross-site"],
                ["Sec-Fetch-Site": "same-site"], ["Origin": "http://localhost:1"],
            ] {
                expect(403, try await console.send("GET", "/api/budget", headers: headers))
                expect(403, try await console.send("POST", "/api/budget?scope=a", "{}", headers: headers))
            }
            let headers = ["Origin": "http://\(own)", "Sec-Fetch-Site": "same-origin"]
            expect(200, try await console.send("GET", "/api/budget", headers: headers))
            expect(200, try await console.send("GET", "/api/budget", headers: ["Host": "localhost:9"]))
        }
    }

    @Test func `a body that is not JSON by its type is refused`() async throws {
        try await withConsole { console in
            for type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
                let answer = try await console.send(
                    "POST", "/api/budget?scope=a", #"{"limit": 1}"#, headers: ["Content-Type": type])
                #expect(answer.status == 415)
            }
            let answer = try await console.send(
                "POST", "/api/budget?scope=a", #"{"limit": 1}"#,
                headers: ["Content-Type": "application/json; charset=utf-8"])
            #expect(answer.status == 201)
        }
    }

    @Test func `a console that other machines reach tells nothing without the token`() async throws {
        try await withConsole(host: "0.0.0.0") { console in
            for path in ["/", "/metrics", "/api/budget", "/api/keys", "/api/calls", "/api/events"] {
                expect(401, try await console.get(path))
            }
            let health = try await console.get("/api/health")
            #expect(health.status == 200 && health.json == ["status": "ok"])
            expect(200, try await console.send("GET", "/api/budget"))
            #expect(try await console.send("GET", "/api/health").json["version"] == "1.2.3")
        }
    }

    @Test func `a body is not read before it is known who sends it`() async throws {
        var bounds = ConsoleOptions.Bounds()
        bounds.body = 100
        try await withConsole(bounds: bounds) { console in
            let long = #"{"parent": ""# + String(repeating: "a", count: 200) + #""}"#
            for token in [nil, "wrong"] {
                expect(401, try await console.send("POST", "/api/budget?scope=a", long, token: token))
            }
            let headers = ["Origin": "http://evil.example"]
            expect(403, try await console.send("POST", "/api/budget?scope=a", long, headers: headers))
        }
    }

    @Test func `a body that is too long is refused`() async throws {
        var bounds = ConsoleOptions.Bounds()
        bounds.body = 100
        try await withConsole(bounds: bounds) { console in
            let long = #"{"parent": ""# + String(repeating: "a", count: 200) + #""}"#
            expect(413, try await console.post("/api/budget?scope=a", long))
        }
    }

    @Test func `a token is made once, for its owner's eyes only`() async throws {
        try await withTemporaryDirectory { directory in
            let path = AdminToken.path(besideLedger: directory + "/preflight.sqlite")
            let made = try AdminToken(environment: nil, path: path)
            #expect(made.path == path && made.secret.reveal().count == 64)
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber
            #expect(mode?.intValue == 0o600)
            #expect(try AdminToken(environment: "", path: path).secret == made.secret)
            #expect(Files.list(directory).count == 1)
            let given = try AdminToken(environment: "0123456789abcdef", path: path)
            #expect(given.path == nil && given.secret.reveal() == "0123456789abcdef")
            #expect(throws: PreflightError.self) { try AdminToken(environment: "short", path: path) }
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
            #expect(throws: PreflightError.self) { try AdminToken(environment: nil, path: path) }
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/etc/hostname")
            #expect(throws: PreflightError.self) { try AdminToken(environment: nil, path: path) }
        }
    }
}
