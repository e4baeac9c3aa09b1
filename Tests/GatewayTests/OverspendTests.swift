import Foundation
import Gateway
import NIOCore
import PreflightCore
import Simulator
import Store
import Synchronization
import TestSupport
import Testing

extension LoadTests {
    /// The heart of it: whatever callers and providers do, no more is spent than was allowed, and all that was spent is
    /// known.
    @Suite struct OverspendTests {
        private static var callCount: Int {
            ProcessInfo.processInfo.environment["PREFLIGHT_LONG_TESTS"] == "1" ? 10_000 : 1500
        }

        @Test(arguments: [1, 2, 3] as [UInt64])
        func `sixty-four callers who do all that goes wrong never overspend, and every cent is accounted for`(
            seed: UInt64
        ) async throws {
            // About two thirds of what all calls would cost, so that the end is fought for.
            let limit = USD(picodollars: Int64(Self.callCount) * 280_000_000)
            try await withGateway(BudgetLimits(total: limit)) { bench in
                let watch = Watch(bench, limit: limit)
                for phase in 0..<3 {
                    try await watch.during {
                        await crowd(bench, calls: Self.callCount / 3, seed: seed &* 31 &+ UInt64(phase))
                    }
                    try await expectTruth(bench, limit: limit)
                }
                #expect(watch.worst <= limit, "committed and reserved \(watch.worst) of \(limit)")
                #expect(bench.simulator.bill.count > Self.callCount / 8)
            }
        }

        @Test func `adaptive holds keep the same cap`() async throws {
            let limit = USD(picodollars: 150_000_000_000)
            let simulator = quickSimulator {
                $0.pace = .milliseconds(10)
                $0.cancellation = .stops
            }
            try await withGateway(BudgetLimits(total: limit, hold: .adaptive), simulator: simulator) { bench in
                await crowd(bench, calls: 600, callers: 32, seed: 9, hasFaults: false)
                try await expectTruth(bench, limit: limit)
            }
        }

        /// Nothing under way, nothing unknown but what nobody can tell, and the ledger equal to the provider's bill.
        private func expectTruth(_ bench: GatewayBench, limit: USD) async throws {
            let reader = try LedgerReader(path: bench.path)
            let isOver = try await eventually(within: .seconds(30)) {
                guard try await bench.standing().scope.openCalls == 0 else { return false }
                return try await reader.heldCalls().allSatisfy { $0.generation == nil }
            }
            #expect(isOver, "calls stay open, or held although their cost can be asked for")
            let scope = try await bench.standing().scope
            let calls = try await reader.calls()
            let bill = bench.simulator.bill.total
            #expect(scope.openCalls == 0)
            #expect(scope.reserved == .zero)
            #expect(scope.held == calls.filter { $0.state == .held }.map(\.amount).reduce(.zero, +))
            #expect(scope.spent.total == calls.compactMap(\.cost).reduce(.zero, +))
            #expect(scope.spent.total == bill, "the ledger has \(scope.spent.total), the provider \(bill)")
            #expect(bill <= limit)
            #expect(scope.committed <= limit)
            if scope.spent.total != bill { try await explain(bench, calls) }
        }

        /// Names the calls that differ.
        private func explain(_ bench: GatewayBench, _ calls: [LedgerReader.Call]) async throws {
            let costs = Dictionary(
                bench.events.all.compactMap { event in event.call.flatMap { call in call.generation.map { ($0, call) } }
                },
                uniquingKeysWith: { $1 })
            for charge in bench.simulator.bill.charges where charge.cost > .zero {
                guard costs[charge.generationID]?.cost != charge.cost else { continue }
                let call = costs[charge.generationID]
                Issue.record(
                    """
                    \(charge.generationID) cost \(charge.cost) \(charge.model) \(charge.usage), here \
                    \(call.map { "\($0)" } ?? "not known")
                    """)
            }
        }

        // MARK: Callers

        private func crowd(
            _ bench: GatewayBench, calls: Int, callers: Int = 64, seed: UInt64, hasFaults: Bool = true
        ) async {
            await withTaskGroup(of: Void.self) { group in
                for caller in 0..<callers {
                    group.addTask {
                        var random = SeededRandom(seed: seed &* 1000 &+ UInt64(caller))
                        for _ in 0..<max(1, calls / callers) {
                            let call = WildCall(&random, hasFaults: hasFaults)
                            _ = try? await bench.caller.send(
                                "POST", call.path, call.body, headers: call.headers, leavesAfter: call.leavesAfter,
                                leavesWithin: call.leavesWithin)
                        }
                    }
                }
            }
        }

        /// Looks again and again what is spent, held and reserved.
        private final class Watch: Sendable {
            private let bench: GatewayBench
            private let most = Mutex(USD.zero)

            init(_ bench: GatewayBench, limit: USD) { self.bench = bench }

            var worst: USD { most.withLock { $0 } }

            func during(_ work: () async -> Void) async throws {
                let watching = Task {
                    while !Task.isCancelled {
                        let scope = try await bench.standing().scope
                        most.withLock { $0 = max($0, scope.committed + scope.reserved) }
                        try await ContinuousClock().sleep(for: .milliseconds(5))
                    }
                }
                await work()
                watching.cancel()
            }
        }
    }
}

/// A call by chance: any dialect, any length, any mishap.
struct WildCall {
    var path: String
    var body: JSON
    var headers: [String: String]
    var leavesAfter: Int?
    var leavesWithin: TimeAmount?

    init(_ random: inout SeededRandom, hasFaults: Bool) {
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        let dialect = Dialect.allCases[Int.random(in: 0..<Dialect.allCases.count, using: &random)]
        let isStreamed = dialect != .embeddings && chance(50)
        let text = String(repeating: "All work and no play. ", count: Int.random(in: 1...60, using: &random))
        let mishap = chance(30) ? Self.mishaps[Int.random(in: 0..<Self.mishaps.count, using: &random)] : nil
        // What nobody can tell of later stays held in full, so it is kept small.
        let cap: JSON? =
            mishap == "drop" || mishap == "empty"
            ? 4 : chance(15) ? nil : .int(Int.random(in: 1...600, using: &random))
        var headers = [
            "x-simulator-tokens": String(Int.random(in: 0...500, using: &random)),
            "x-simulator-pace-ms": "0",
        ]
        if !hasFaults { headers["x-simulator-pace-ms"] = nil }
        let model = chance(20) ? "anthropic/claude-sonnet-4.5" : "openai/gpt-4.1-mini"
        let stream: JSON? = isStreamed ? true : chance(30) ? false : nil
        switch dialect {
        case .chat:
            path = "/v1/chat/completions"
            body = .record([
                "model": .string(model), "messages": [["role": "user", "content": .string(text)]], "stream": stream,
                "max_tokens": cap, "n": chance(10) ? 2 : nil,
                "stream_options": isStreamed && chance(50) ? ["include_usage": true] : nil,
            ])
        case .completions:
            path = "/v1/completions"
            body = .record([
                "model": .string(model), "prompt": .string(text), "stream": stream, "max_tokens": cap,
            ])
        case .responses:
            path = "/v1/responses"
            body = .record([
                "model": .string(model), "input": .string(text), "stream": stream, "max_output_tokens": cap,
            ])
        case .messages:
            path = "/v1/messages"
            body = .record([
                "model": "anthropic/claude-sonnet-4.5", "messages": [["role": "user", "content": .string(text)]],
                "stream": stream, "max_tokens": cap ?? 4000,
            ])
        case .embeddings:
            path = "/v1/embeddings"
            let inputs = Array(repeating: text, count: Int.random(in: 1...40, using: &random))
            body = [
                "model": "openai/text-embedding-3-small",
                "input": chance(50) ? .string(text) : .array(inputs.map(JSON.string)),
            ]
        }
        guard hasFaults else {
            self.headers = headers
            return
        }
        if isStreamed, chance(15) {
            headers["x-simulator-pace-ms"] = "2"
            leavesAfter = Int.random(in: 1...2000, using: &random)
        } else if chance(8) {
            headers["x-simulator-first-token-ms"] = "4"
            leavesWithin = .microseconds(Int64.random(in: 0...8000, using: &random))
        } else {
            headers["x-simulator-fault"] = mishap
        }
        self.headers = headers
    }

    private static let mishaps = [
        "missing_usage", "status;status=429", "status;status=500", "status;status=503", "status;status=529",
        "status;status=400", "mid_stream_error", "mid_stream_error;usage=true", "cut_stream", "unfinished_stream",
        "truncated_stream", "error_in_200", "error_in_200;status=429", "keeps_generating", "drop", "empty",
    ]
}
