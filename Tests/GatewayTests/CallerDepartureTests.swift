import Gateway
import NIOCore
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

extension LoadTests {
    /// Callers who leave: what was produced is paid, no more and no less.
    @Suite struct CallerDepartureTests {
        @Test func `a stream whose caller leaves is closed upstream within 20 ms, and charged as far as produced`()
            async throws
        {
            let simulator = quickSimulator {
                $0.pace = .milliseconds(5)
                $0.cancellation = .stops
            }
            try await withGateway(simulator: simulator) { bench in
                var delays: [Duration] = []
                // The machine may be busy with other things: the quickest are looked at.
                for round in 1...30 where delays.filter({ $0 < .milliseconds(20) }).count < 5 {
                    let answer = try await bench.caller.send(
                        "POST", "/v1/chat/completions", chat(stream: true, maxTokens: 2000),
                        headers: ["x-simulator-tokens": "1500"], leavesAfter: 1500)
                    let left = try #require(answer.arrivals.last?.at)
                    #expect(await eventually(within: .seconds(2)) { bench.simulator.departureCount == round })
                    let noticed = try #require(bench.simulator.departures.last?.noticedAt)
                    delays.append(noticed - left)
                }
                #expect(delays.filter { $0 < .milliseconds(20) }.count == 5, "\(delays)")
                let scope = try await bench.settled().scope
                #expect(scope.spent.total == bench.simulator.bill.total)
                let worst = try #require(bench.events.calls(.callReserved).first?.reserved)
                for charge in bench.simulator.bill.charges {
                    #expect(charge.usage.completionTokens > 0)
                    #expect(charge.cost + charge.cost < worst)
                }
            }
        }

        @Test func `a caller who leaves before the answer begins is charged what the provider charges`() async throws {
            try await withGateway(simulator: quickSimulator { $0.cancellation = .stops }) { bench in
                _ = try await bench.caller.send(
                    "POST", "/v1/chat/completions", chat(stream: true),
                    headers: ["x-simulator-first-token-ms": "3000", "x-simulator-tokens": "400"],
                    leavesWithin: .milliseconds(500))
                #expect(await eventually(within: .seconds(5)) { bench.events.kinds().last == .callReconciled })
                let scope = try await bench.settled().scope
                #expect(scope.spent.total == bench.simulator.bill.total)
                #expect(bench.simulator.departureCount == 1)
                // Its answer never told what it used: the provider's record does.
                let charge = try #require(bench.simulator.bill.charges.first)
                let told = try #require(bench.events.calls(.callReconciled).first?.usage)
                #expect(told.promptTokens > 0 && told.promptTokens == charge.usage.promptTokens)
            }
        }

        @Test func `a stream that is left with an own provider key costs the fee and the provider's price`()
            async throws
        {
            let simulator = quickSimulator {
                $0.pace = .milliseconds(5)
                $0.cancellation = .stops
                $0.isBYOK = true
                $0.byokFeePermille = 50
            }
            try await withGateway(simulator: simulator) { bench in
                _ = try await bench.caller.send(
                    "POST", "/v1/chat/completions", chat(stream: true, maxTokens: 2000),
                    headers: ["x-simulator-tokens": "1500"], leavesAfter: 1500)
                #expect(await eventually(within: .seconds(5)) { bench.events.kinds().last == .callReconciled })
                let spent = try await bench.settled().scope.spent.total
                let bill = bench.simulator.bill
                #expect(bill.upstreamTotal > .zero)
                #expect(spent == bill.total + bill.upstreamTotal)
            }
        }

        @Test func `a call that is not streamed is settled although its caller has left`() async throws {
            try await withGateway { bench in
                _ = try await bench.caller.send(
                    "POST", "/v1/chat/completions", chat(),
                    headers: ["x-simulator-first-token-ms": "1500", "x-simulator-tokens": "100"],
                    leavesWithin: .milliseconds(500))
                #expect(
                    await eventually(within: .seconds(5)) { bench.events.kinds() == [.callReserved, .callSettled] })
                let scope = try await bench.settled().scope
                #expect(scope.spent.total == bench.simulator.bill.total)
                #expect(scope.spent.total > .zero)
                #expect(bench.simulator.departureCount == 0)
            }
        }

        @Test func `a call waits for money while the cost of one that was left is asked for`() async throws {
            let simulator = quickSimulator {
                $0.cancellation = .stops
                $0.pace = .milliseconds(5)
                $0.cancelledGenerationDelay = .milliseconds(700)
            }
            // One call may hold all of it.
            try await withGateway(BudgetLimits(total: USD(cents: 1)), simulator: simulator) { bench in
                _ = try await bench.caller.send(
                    "POST", "/v1/chat/completions", chat(stream: true), headers: ["x-simulator-tokens": "1500"],
                    leavesAfter: 1500)
                #expect(await eventually { bench.events.kinds().contains(.callHeld) })
                let second = try await bench.caller.send("POST", "/v1/chat/completions", chat())
                #expect(second.status == 200)
                #expect(bench.events.kinds().filter { $0 == .callRefused } == [])
                let scope = try await bench.settled().scope
                #expect(scope.spent.total == bench.simulator.bill.total)
            }
        }

        @Test func `a caller who leaves while it waits for money gives its place up`() async throws {
            let limit = USD(cents: 1)
            try await withGateway(BudgetLimits(total: limit)) { bench in
                async let first = bench.caller.send(
                    "POST", "/v1/chat/completions", chat(), headers: ["x-simulator-first-token-ms": "300"])
                #expect(await eventually { bench.events.kinds().contains(.callReserved) })
                _ = try await bench.caller.send(
                    "POST", "/v1/chat/completions", chat(), leavesWithin: .milliseconds(30))
                #expect(try await first.status == 200)
                let scope = try await bench.settled().scope
                #expect(scope.calls == 1)
                #expect(bench.simulator.bill.count == 1)
                #expect(bench.events.kinds().filter { $0 == .callRefused }.count == 1)
            }
        }
    }
}
