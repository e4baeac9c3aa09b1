import Foundation
import NIOCore
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

extension LoadTests {
    /// A gateway that dies in the middle of its work.
    @Suite struct KillTests {
        @Test(arguments: [5, 60, 150])
        func `after a gateway was killed, what it may have spent counts as spent, and no more than allowed`(
            afterCalls: Int
        ) async throws {
            let limit = USD(cents: 40)
            try await withTemporaryDirectory { directory in
                let path = directory + "/preflight.sqlite"
                let simulator = quickSimulator { $0.pace = .milliseconds(1) }
                try await SimulatorServer.withServer(simulator) { server, addresses in
                    let ledger = try Ledger(path: path, now: { .testNow })
                    _ = try await ledger.scope(named: "trial", limits: BudgetLimits(total: limit))
                    await ledger.close()
                    let key = KeyText.random()
                    let child = try Child(
                        saying: directory + "/port",
                        [
                            path, "trial", addresses[0].baseURL, simulator.ordinaryKey, key,
                            TestData.directory.appendingPathComponent("openrouter-models-2026-08-01.json").path,
                        ])
                    defer { child.kill() }
                    _ = await eventually(within: .seconds(15)) { child.port != nil }
                    let port = try #require(child.port)
                    let caller = TestCaller(port: port, key: key)
                    let callers = Task {
                        await withTaskGroup(of: Void.self) { group in
                            for number in 0..<32 {
                                group.addTask {
                                    for _ in 0..<1000 where !Task.isCancelled {
                                        let answer = try? await caller.send(
                                            "POST", "/v1/chat/completions",
                                            chat(stream: number % 2 == 0, maxTokens: 1000),
                                            headers: ["x-simulator-tokens": "300"])
                                        if answer == nil { return }
                                    }
                                }
                            }
                        }
                    }
                    _ = await eventually(within: .seconds(15)) { server.bill.count >= afterCalls }
                    child.kill()
                    callers.cancel()
                    await callers.value
                    // The provider goes on for a moment, and sends its bill.
                    var before = server.bill.total
                    _ = try await eventually(within: .seconds(5)) {
                        try await ContinuousClock().sleep(for: .milliseconds(300))
                        defer { before = server.bill.total }
                        return before == server.bill.total
                    }
                    let again = try Ledger(path: path, now: { .testNow })
                    let scope = try await again.standing(of: #require(try await again.findScope(named: "trial"))).scope
                    await again.close()
                    #expect(scope.openCalls == 0)
                    #expect(scope.reserved == .zero)
                    #expect(scope.committed >= server.bill.total)
                    #expect(scope.committed <= limit)
                    #expect(server.bill.count >= afterCalls)
                }
            }
        }

        private final class Child {
            let process = Process()
            private let path: String

            /// Says its port into a file: a pipe could be held open by other children.
            init(saying path: String, _ arguments: [String]) throws {
                self.path = path
                _ = FileManager.default.createFile(atPath: path, contents: nil)
                process.executableURL = TestData.package.appendingPathComponent(".build/debug/preflight-tools")
                process.arguments = ["gateway-child"] + arguments
                process.standardOutput = FileHandle(forWritingAtPath: path)
                process.standardInput = Pipe()
                try process.run()
            }

            var port: Int? {
                guard let text = try? String(contentsOfFile: path, encoding: .utf8), text.hasSuffix("\n") else {
                    return nil
                }
                return Int(text.dropLast())
            }

            func kill() {
                guard process.isRunning else { return }
                Foundation.kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
            }
        }
    }
}
