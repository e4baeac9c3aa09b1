import Foundation
import Gateway
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

extension LoadTests {
    /// The official clients of Python, and an agent framework. Installed once into a directory of the user's cache.
    @Suite struct OfficialClientTests {
        @Test func `official clients and a framework work, and do not repeat what has no budget`() async throws {
            guard let python = try Self.environment() else { return }
            try await withGateway(BudgetLimits(total: USD(cents: 500))) { bench in
                let scope = try await bench.ledger.scope(
                    named: "poor", limits: BudgetLimits(total: USD(picodollars: 1)))
                let (_, poor) = bench.gateway.keys.issue {
                    VirtualKey(id: "poor", label: $0, scope: scope, scopeName: "poor")
                }
                let script = TestData.package.appendingPathComponent("Tests/GatewayTests/Clients/clients.py").path
                let (status, output, errors) = try await Self.run(
                    python, [script],
                    [
                        "GATEWAY_URL": "http://127.0.0.1:\(bench.listener.port)", "GATEWAY_KEY": bench.key,
                        "GATEWAY_POOR_KEY": poor, "NO_PROXY": "127.0.0.1",
                    ])
                try #require(status == 0, "\(errors.suffix(3000))")
                let seen = try JSON.parse(Array(output.utf8))
                for key in [
                    "openai_text", "openai_stream_text", "openai_response", "anthropic_text", "anthropic_stream_text",
                    "agent_text", "agent_stream_text",
                ] {
                    #expect(seen[key]?.string?.isEmpty == false, "\(key)")
                }
                for key in [
                    "openai_tokens", "openai_stream_tokens", "openai_embedding", "openai_models", "anthropic_count",
                ] {
                    #expect(seen[key]?.int ?? 0 > 0, "\(key)")
                }
                #expect(seen["openai_refused"] == 402)
                #expect(seen["openai_refused_code"] == "budget_exhausted")
                #expect(seen["anthropic_refused"] == 402)
                #expect(seen["openai_wrong_key"] == 401)
                #expect(seen["anthropic_stop"] == "end_turn")
                // Each refusal was asked for once.
                #expect(bench.events.kinds().filter { $0 == .callRefused }.count == 2)
                #expect(bench.events.kinds().filter { $0 == .keyRefused }.count == 1)
                #expect(try await bench.settled().scope.spent.total == bench.simulator.bill.total)
            }
        }

        /// A Python that has the clients; nil where they can be had from nowhere.
        private static func environment() throws -> String? {
            let cache = FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first
            guard let home = cache?.appendingPathComponent("preflight-tests/clients") else { return nil }
            let python = home.appendingPathComponent("bin/python3").path
            let list = TestData.package.appendingPathComponent("Tests/GatewayTests/Clients/requirements.txt").path
            let check = ["-c", "import openai, anthropic, pydantic_ai"]
            if FileManager.default.isExecutableFile(atPath: python), try runNow(python, check) == 0 { return python }
            try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
            guard try runNow("/usr/bin/env", ["python3", "-m", "venv", home.path]) == 0,
                try runNow(python, ["-m", "pip", "install", "--quiet", "--timeout", "10", "-r", list]) == 0,
                try runNow(python, check) == 0
            else { return nil }
            return python
        }

        private static func runNow(_ program: String, _ arguments: [String]) throws -> Int32 {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = arguments
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }

        private static func run(
            _ program: String, _ arguments: [String], _ variables: [String: String]
        ) async throws -> (status: Int32, output: String, errors: String) {
            try await withTemporaryDirectory { directory in
                let process = Process()
                process.executableURL = URL(fileURLWithPath: program)
                process.arguments = arguments
                process.environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
                let names = [directory + "/out", directory + "/err"]
                for name in names { _ = FileManager.default.createFile(atPath: name, contents: nil) }
                process.standardOutput = FileHandle(forWritingAtPath: names[0])
                process.standardError = FileHandle(forWritingAtPath: names[1])
                let status: Int32 = try await withCheckedThrowingContinuation { continuation in
                    process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
                    do { try process.run() } catch { continuation.resume(throwing: error) }
                }
                let texts = names.map { (try? String(contentsOfFile: $0, encoding: .utf8)) ?? "" }
                return (status, texts[0], texts[1])
            }
        }
    }
}
