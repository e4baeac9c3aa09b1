import Containers
import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(3))) struct BudgetCommandTests {
    private func withBench(_ body: (CommandBench) async throws -> Void) async throws {
        try await withCommand { try await body($0) }
    }

    private func path(_ bench: CommandBench) -> String { "\(bench.directory)/runs/preflight.sqlite" }

    /// A ledger as a gateway has it open.
    private func withLedger(_ bench: CommandBench, _ body: (Ledger) async throws -> Void) async throws {
        let ledger = try Ledger(path: path(bench), now: { Timestamp(seconds: 1_900_000_000) })
        try await body(ledger)
        await ledger.close()
    }

    @Test func `looking makes nothing`() async throws {
        try await withBench { bench in
            for arguments in [["budget"], ["budget", "list"], ["keys"], ["budget", "export"], ["budget", "held"]] {
                let result = try await bench.run(arguments)
                #expect(result.isSuccess, "\(result.everything)")
            }
            #expect(try await bench.run(["budget", "list", "--json"]).stdoutText == "[]\n")
            #expect(try await bench.run(["budget", "export", "--json"]).stdoutText == "[]\n")
            #expect(!FileManager.default.fileExists(atPath: "\(bench.directory)/runs"))
        }
    }

    @Test func `a budget is set, shown and reset while a gateway has the ledger`() async throws {
        try await withBench { bench in
            let made = try await bench.run(["budget", "set", "acme", "--limit", "$5", "--daily", "0.000000000001"])
            #expect(made.isSuccess && made.stderrText.contains("made acme"), "\(made.everything)")
            _ = try await bench.run(["budget", "set", "acme/ci", "--calls", "3", "--time", "2h", "--hold", "adaptive"])
            try await withLedger(bench) { ledger in
                let id = try #require(try await ledger.findScope(named: "acme/ci"))
                _ = try await bench.run(["budget", "set", "acme", "--daily", "none", "--soft-cap", "0.5"])
                let ask = BudgetAsk(base: USD(cents: 300), perOutputToken: .zero, wantedOutput: 1)
                let grant = try await ledger.reserve(ask, scope: id, model: "=a,\"b\"", patience: .zero)
                let refused = try await bench.run(["budget", "reset", "acme"])
                #expect(refused.exitCode == 3 && refused.stderrText.contains("1 calls under way"))
                await ledger.resolve(grant.call, .settled(cost: USD(cents: 300), tokens: 10))
                let list = try await bench.run(["budget", "list"])
                #expect(list.stdoutText.contains("nearly used up") && list.stdoutText.contains("  acme/ci"))
                let shown = try JSON.parse(try await bench.run(["budget", "show", "acme/ci", "--json"]).stdout)
                #expect(shown["available"]?.numberText == "2" && shown["hold"] == "adaptive")
                #expect(shown["calls"]?["remaining"]?.int == 2 && shown["parent"] == "acme")
                let csv = try await bench.run(["budget", "export", "--scope", "acme"]).stdoutText
                #expect(csv.hasPrefix("id,time,resolved,scope,model,state,reserved,cost,tokens,generation\n1,"))
                #expect(csv.contains(",acme/ci,\"'=a,\"\"b\"\"\",settled,3,3,10,\n"))
                let json = try JSON.parse(try await bench.run(["budget", "export", "--format", "json"]).stdout)
                #expect(json[0]?["model"]?.string == "=a,\"b\"" && json[0]?["cost"]?.numberText == "3")
                #expect(try await bench.run(["budget", "reset", "acme"]).isSuccess)
                #expect(try await ledger.standing(of: id).headroom == USD(cents: 500))
                #expect(try await bench.run(["budget", "set", "acme", "--close"]).isSuccess)
                let decision = try await ledger.decide(ask, scope: id)
                #expect(decision == .refused(BudgetShortage(scope: "acme", kind: .closed)))
            }
        }
    }

    @Test func `held calls are settled and released by hand`() async throws {
        try await withBench { bench in
            _ = try await bench.run(["budget", "set", "a", "--limit", "5"])
            try await withLedger(bench) { ledger in
                let id = try #require(try await ledger.findScope(named: "a"))
                for _ in 0..<3 {
                    let ask = BudgetAsk(base: USD(cents: 100), perOutputToken: .zero, wantedOutput: 1)
                    let grant = try await ledger.reserve(ask, scope: id, model: "m")
                    await ledger.resolve(grant.call, .held(nil))
                }
                let held = try JSON.parse(try await bench.run(["budget", "held", "--json"]).stdout)
                #expect(held.array?.count == 3 && held[0]?["cost"] == .null)
                let wrong = try await bench.run(["budget", "held", "--settle", "1=0.25", "--release", "9"])
                #expect(wrong.exitCode == 64 && wrong.stderrText.contains("call 9 is not held"))
                #expect(try await ledger.standing(of: id).scope.held == USD(cents: 300))
                let right = try await bench.run(["budget", "held", "--settle", "1=$0.25", "--release", "2"])
                #expect(right.isSuccess, "\(right.everything)")
                let scope = try await ledger.standing(of: id).scope
                #expect(scope.held == USD(cents: 100) && scope.spent.total == USD(cents: 25))
                #expect(try await bench.run(["budget", "reset", "a"]).exitCode == 3)
                #expect(try await bench.run(["budget", "reset", "a", "--force"]).isSuccess)
            }
        }
    }

    @Test func `keys are made, listed and revoked`() async throws {
        try await withBench { bench in
            let made = try await bench.run([
                "keys", "create", "demo", "--limit", "1", "--name", "ci", "--expires", "7d",
            ])
            #expect(made.isSuccess, "\(made.everything)")
            let text = made.stdoutText.trimmingCharacters(in: .newlines)
            #expect(text.hasPrefix("sk-pf-") && text.count == 70)
            #expect(!made.stderrText.contains(text))
            let second = try await bench.run([
                "keys", "create", "demo", "--model", "a/*", "--model", "b", "--calls-per-minute", "5", "--json",
            ])
            #expect(try JSON.parse(second.stdout)["models"] == ["a/*", "b"])
            let list = try await bench.run(["keys", "list"])
            #expect(list.stdoutText.contains("a/* b") && !list.stdoutText.contains(text))
            #expect(try await bench.run(["keys", "revoke", "ci"]).stderrText.contains("revoked key 1"))
            #expect(try await bench.run(["keys", "revoke", text]).stderrText.contains("was revoked already"))
            let store = try VirtualKeyStore(path: path(bench))
            #expect(try await store.all().map { $0.revokedAt == nil } == [false, true])
        }
    }

    @Test(arguments: [
        ("budget export > /dev/full", 70), ("budget list --json > /dev/full", 70), ("--help > /dev/full", 70),
        ("keys create a > /dev/full", 70), ("budget show nobody > /dev/full", 64), ("budget export | true", 0),
        ("budget export | head -1", 0), ("budget export", 0),
    ])
    func `data that could not be written is a failure, a reader that has enough is none`(
        command: String, status: Int
    ) async throws {
        try await withBench { bench in
            _ = try await bench.run(["budget", "set", "a", "--limit", "5"])
            let result = try await ProcessRunner().run(
                "/usr/bin/env", ["bash", "-o", "pipefail", "-c", "\(CommandBench.executable) \(command)"],
                environment: bench.environment, directory: bench.directory, timeout: .seconds(30))
            #expect(result.exitCode == status, "\(result.everything)")
            let words = "cannot write standard output: No space left on device"
            #expect(result.stderrText.contains(words) == (status == 70), "\(result.everything)")
        }
    }

    @Test func `what is wrong is refused before anything is made`() async throws {
        try await withBench { bench in
            _ = try await bench.run(["budget", "set", "acme", "--limit", "5"])
            for (arguments, words) in [
                (["budget", "set", "acme", "--limit", "5x"], "--limit: limit is an amount in dollars"),
                (["budget", "set", "acme", "--limit=-1"], "--limit: limit is an amount"),
                (["budget", "set", "acme", "--soft-cap", "80"], "--soft-cap"),
                (["budget", "set", "a b", "--limit", "1"], "cannot name a scope"),
                (["budget", "set", "acme", "--open", "--close"], "not both"),
                (["budget", "set", "x", "--parent", "acmee"], "did you mean 'acme'?"),
                (["budget", "show", "amce"], "did you mean 'acme'?"),
                (["budget", "reset", "none"], "there is no scope 'none'"),
                (["budget", "export", "--scope", "none"], "there is no scope 'none'"),
                (["budget", "held", "--settle", "1"], "expected ID=USD"),
                (["keys", "create", "acmee"], "did you mean 'acme'?"),
                (["keys", "create", "fresh"], "--limit 5 makes it"),
                (["keys", "create", "acme", "--limit", "1"], "limits of its own"),
                (["keys", "create", "acme", "--expires", "soon"], "--expires 'soon'"),
                (["keys", "create", "fresh", "--limit", "1", "--name", "7"], "cannot name a key"),
                (["keys", "revoke", "nobody"], "there is no key 'nobody'"),
            ] {
                let result = try await bench.run(arguments)
                #expect(result.exitCode == 64, "\(arguments)")
                #expect(result.stderrText.contains(words), "\(arguments): \(result.stderrText)")
            }
            let list = try JSON.parse(try await bench.run(["budget", "list", "--json"]).stdout)
            #expect(list.array?.count == 1 && list[0]?["limit"]?.numberText == "5")
            #expect(try JSON.parse(try await bench.run(["keys", "list", "--json"]).stdout) == [])
        }
    }
}
