import Gateway
import PreflightCore
import Simulator
import Store
import Synchronization
import TestSupport
import Testing

extension LoadTests {
    /// A budget is to be used: no call that could be paid is refused.
    @Suite struct UseTests {
        /// 128 callers ask until each was refused three times.
        private func exhaust(_ bench: GatewayBench, tokens: ClosedRange<Int>) async {
            await withTaskGroup(of: Void.self) { group in
                for caller in 0..<128 {
                    group.addTask {
                        var random = SeededRandom(seed: UInt64(caller))
                        var refusals = 0
                        while refusals < 3 {
                            let answer = try? await bench.caller.send(
                                "POST", "/v1/chat/completions", chat("Go on", stream: caller % 2 == 0, maxTokens: 500),
                                headers: ["x-simulator-tokens": String(Int.random(in: tokens, using: &random))])
                            if answer?.status != 200 { refusals += 1 }
                        }
                    }
                }
            }
        }

        @Test func `endless demand uses 98 percent of a budget that is held strictly`() async throws {
            let limit = USD(cents: 12)
            try await withGateway(BudgetLimits(total: limit)) { bench in
                await exhaust(bench, tokens: 50...400)
                let scope = try await bench.settled().scope
                #expect(scope.spent.total == bench.simulator.bill.total)
                #expect(scope.spent.total <= limit)
                #expect(scope.spent.total >= limit.share(permille: 980), "\(scope.spent.total) of \(limit)")
            }
        }

        @Test func `endless demand uses 99·9 percent of a budget that is held adaptively`() async throws {
            let limit = USD(cents: 12)
            let simulator = quickSimulator {
                $0.pace = .milliseconds(20)
                $0.cancellation = .stops
            }
            try await withGateway(BudgetLimits(total: limit, hold: .adaptive), simulator: simulator) { bench in
                await exhaust(bench, tokens: 50...400)
                let scope = try await bench.settled().scope
                #expect(scope.spent.total == bench.simulator.bill.total)
                #expect(scope.spent.total <= limit)
                #expect(scope.spent.total >= limit.share(permille: 999), "\(scope.spent.total) of \(limit)")
            }
        }

        /// Conversations as agents have them: each call sends all that was said before.
        private func converse(_ bench: GatewayBench, agents: Int) async throws -> [Int] {
            try await withThrowingTaskGroup(of: [Int].self) { group in
                for agent in 0..<agents {
                    group.addTask {
                        var random = SeededRandom(seed: UInt64(agent) + 100)
                        var messages: [JSON] = [
                            [
                                "role": "system",
                                "content": .string(String(repeating: "You are an agent. ", count: 100)),
                            ],
                            ["role": "user", "content": "Solve the task."],
                        ]
                        var statuses: [Int] = []
                        for turn in 0..<15 {
                            let body: JSON = [
                                "model": "openai/gpt-4.1-mini", "messages": .array(messages),
                                "stream": .bool(turn % 2 == 0),
                            ]
                            let answer = try await bench.caller.send(
                                "POST", "/v1/chat/completions", body,
                                headers: [
                                    "x-simulator-tokens": String(Int.random(in: 100...300, using: &random)),
                                    "x-simulator-seed": "\(agent)",
                                ])
                            statuses.append(answer.status)
                            messages.append(["role": "assistant", "content": .string("I look at step \(turn).")])
                            let output = String(
                                repeating: "a line of output\n", count: Int.random(in: 5...60, using: &random))
                            messages.append(["role": "user", "content": .string(output)])
                        }
                        return statuses
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
        }

        @Test(arguments: [1, 8]) func `a cap of one and a half times the real spend never refuses`(agents: Int)
            async throws
        {
            var spend = USD.zero
            try await withGateway(BudgetLimits()) { bench in
                #expect(try await converse(bench, agents: agents).allSatisfy { $0 == 200 })
                spend = try await bench.settled().scope.spent.total
                #expect(spend == bench.simulator.bill.total)
            }
            try await withGateway(BudgetLimits(total: spend.share(permille: 500) + spend)) { bench in
                let statuses = try await converse(bench, agents: agents)
                #expect(statuses.filter { $0 != 200 }.isEmpty, "\(statuses)")
                #expect(try await bench.settled().scope.spent.total == bench.simulator.bill.total)
            }
        }
    }
}
