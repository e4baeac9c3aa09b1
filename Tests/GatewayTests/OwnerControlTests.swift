import Gateway
import NIOCore
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// Calls that their owner lets wait, and what he says to their models.
@Suite(.timeLimit(.minutes(2))) struct OwnerControlTests {
    private struct Bench {
        var gateway: GatewayBench
        var control: CallControl
        var caller: TestCaller

        func ask(_ body: JSON, _ path: String = "/v1/chat/completions", headers: [String: String] = [:]) async throws
            -> TestCaller.Answer
        {
            try await caller.send("POST", path, body, headers: headers)
        }

        /// What the model was asked, the newest last.
        var calls: Int { gateway.simulator.calls.count { $0.path.hasSuffix("/completions") } }
    }

    private func withControl(
        isHeld: Bool = false, _ limits: BudgetLimits = BudgetLimits(total: USD(cents: 100)),
        _ body: (Bench) async throws -> Void
    ) async throws {
        try await withGateway(limits) { gateway in
            let control = CallControl(isHeld: isHeld)
            let bound = try await gateway.gateway.listen(
                Listener(name: "owned", control: control), host: "127.0.0.1", port: 0)
            var caller = gateway.caller
            caller.port = bound.port
            try await body(Bench(gateway: gateway, control: control, caller: caller))
            await gateway.gateway.close(bound)
        }
    }

    /// The echo of the last thing that was said to the model.
    private func said(_ answer: TestCaller.Answer) -> String {
        answer.json?["choices"]?[0]?["message"]?["content"]?.string ?? ""
    }

    @Test(arguments: [false, true]) func `held calls wait, and cost and reserve nothing until they are released`(
        stream: Bool
    ) async throws {
        try await withControl(isHeld: true) { bench in
            async let one = bench.ask(chat(stream: stream))
            async let two = bench.ask(chat(stream: stream))
            #expect(await eventually { bench.control.waiting == 2 })
            #expect(bench.calls == 0)
            let waiting = try await bench.gateway.standing().scope
            #expect(waiting.reserved == .zero && waiting.openCalls == 0)
            bench.control.setHeld(false)
            let statuses = try await [one.status, two.status]
            #expect(statuses == [200, 200])
            #expect(bench.control.waiting == 0)
            let scope = try await bench.gateway.settled().scope
            #expect(scope.spent.total == bench.gateway.simulator.bill.total && scope.spent.total > .zero)
        }
    }

    @Test func `what was sent before the hold is answered, and the budget can be asked for`() async throws {
        try await withControl { bench in
            async let sent = bench.ask(chat(maxTokens: 60), headers: ["x-simulator-first-token-ms": "600"])
            #expect(await eventually { bench.calls == 1 })
            bench.control.setHeld(true)
            #expect(try await sent.status == 200)
            let key = try await bench.caller.send("GET", "/v1/key")
            #expect(key.status == 200)
            let price = try await bench.ask(chat(), headers: ["x-preflight-dry-run": "1"])
            #expect(price.status == 200 && price.json?["worst_case_usd"] != nil, "\(price.text)")
        }
    }

    @Test func `a caller that hangs up while it is held leaves nothing behind`() async throws {
        try await withControl(isHeld: true) { bench in
            _ = try? await bench.caller.send(
                "POST", "/v1/chat/completions", chat(), leavesWithin: .milliseconds(200))
            #expect(await eventually { bench.control.waiting == 0 })
            bench.control.setHeld(false)
            let scope = try await bench.gateway.standing().scope
            #expect(bench.calls == 0 && scope.calls == 0 && scope.committed == .zero)
        }
    }

    @Test func `a key that is taken away while its calls are held opens nothing`() async throws {
        try await withControl(isHeld: true) { bench in
            let (key, text) = bench.gateway.gateway.keys.issue { label in
                VirtualKey(id: "own", label: label, scope: bench.gateway.scope, scopeName: "trial")
            }
            var caller = bench.caller
            caller.key = text
            async let held = caller.send("POST", "/v1/chat/completions", chat())
            #expect(await eventually { bench.control.waiting == 1 })
            bench.gateway.gateway.keys.revoke(key)
            bench.control.setHeld(false)
            let answer = try await held
            #expect(answer.status == 401)
            #expect(bench.calls == 0)
        }
    }

    @Test func `a call that waits for money is held too, and gives back what it gets meanwhile`() async throws {
        // Room for one answer of the longest kind at a time.
        try await withControl(isHeld: false, BudgetLimits(total: USD(cents: 1))) { bench in
            let long = chat(model: "openai/gpt-4.1-mini", maxTokens: 5_000)
            async let first = bench.ask(
                long, headers: ["x-simulator-first-token-ms": "900", "x-simulator-tokens": "10"])
            #expect(await eventually { bench.calls == 1 })
            async let second = bench.ask(long, headers: ["x-simulator-tokens": "10"])
            _ = try await bench.gateway.ledger.standing(of: bench.gateway.scope)
            bench.control.setHeld(true)
            #expect(try await first.status == 200)
            #expect(await eventually { bench.control.waiting == 1 })
            #expect(
                try await eventually { try await bench.gateway.standing().scope.reserved == .zero })
            #expect(bench.calls == 1)
            bench.control.setHeld(false)
            #expect(try await second.status == 200)
        }
    }

    @Test func `a model reads a message once, and its tokens are paid`() async throws {
        try await withControl { bench in
            let plain = try await bench.ask(chat("Hello"))
            bench.control.tell(.init(number: 1, text: "Try another way."))
            let steered = try await bench.ask(chat("Hello"))
            let after = try await bench.ask(chat("Hello"))
            #expect(said(steered).contains("Try another way."), "\(steered.text)")
            #expect(!said(plain).contains("another way") && !said(after).contains("another way"))
            func tokens(_ answer: TestCaller.Answer) -> Int { answer.json?["usage"]?["prompt_tokens"]?.int ?? 0 }
            #expect(tokens(steered) > tokens(plain) && tokens(after) == tokens(plain))
            let scope = try await bench.gateway.settled().scope
            #expect(scope.spent.total == bench.gateway.simulator.bill.total)
            let calls = bench.gateway.events.calls(.callSettled)
            #expect(calls.map(\.steered) == [[], [1], []])
            let reserved = bench.gateway.events.calls(.callReserved).compactMap(\.reserved)
            #expect(reserved.count == 3 && reserved[1] > reserved[0])
        }
    }

    @Test func `a call without a place for it leaves the message to the next`() async throws {
        try await withControl { bench in
            bench.control.tell(.init(number: 1, text: "Try another way."))
            let completion = try await bench.ask(["model": "openai/gpt-4.1-mini", "prompt": "x"], "/v1/completions")
            #expect(completion.status == 200, "\(completion.text)")
            let next = try await bench.ask(chat())
            #expect(said(next).contains("Try another way."))
        }
    }

    @Test func `an upstream that refuses what was added gets the call as it came`() async throws {
        try await withControl { bench in
            bench.gateway.simulator.addFault(Fault(.status, path: "/chat/completions", count: 1, status: 400))
            bench.control.tell(.init(number: 1, text: "Try another way."))
            let answer = try await bench.ask(chat("Hello"))
            #expect(answer.status == 200 && !said(answer).contains("another way"), "\(answer.text)")
            #expect(bench.gateway.events.calls(.callFailed).map(\.unsteered) == [[1]])
            let next = try await bench.ask(chat("Hello"))
            #expect(!said(next).contains("another way"))
            let scope = try await bench.gateway.settled().scope
            #expect(scope.spent.total == bench.gateway.simulator.bill.total && scope.reserved == .zero)
        }
    }

    @Test func `a message that a budget cannot pay is left out, and does not keep the call from being made`()
        async throws
    {
        // Room for the call as it came: 2,000 bytes more are some 2,000 tokens at most, at $0.40 a million.
        try await withControl(isHeld: false, BudgetLimits(total: USD(picodollars: 500_000_000))) { bench in
            bench.control.tell(.init(number: 1, text: String(repeating: "Try. ", count: 800)))
            let answer = try await bench.ask(
                chat("Hello", model: "openai/gpt-4.1-mini", maxTokens: 10), headers: ["x-preflight-max-cost": "0.0001"])
            #expect(answer.status == 200, "\(answer.text)")
            #expect(!said(answer).contains("Try."))
            #expect(try await bench.gateway.settled().scope.reserved == .zero)
            #expect(bench.gateway.events.calls(.callSettled).map(\.steered) == [[]])
        }
    }

    @Test func `a message that no model has seen is for the next call`() async throws {
        try await withControl { bench in
            bench.gateway.simulator.addFault(Fault(.status, path: "/chat/completions", count: 1, status: 503))
            bench.control.tell(.init(number: 1, text: "Try another way."))
            #expect(try await bench.ask(chat("Hello")).status == 503)
            let next = try await bench.ask(chat("Hello"))
            #expect(said(next).contains("another way"))
        }
    }
}
