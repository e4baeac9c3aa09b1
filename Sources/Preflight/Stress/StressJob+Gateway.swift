import Foundation
import OpenRouter
import PreflightCore
import Simulator
import Store
import Synchronization

extension StressJob {
    /// Callers use a gateway that is killed again and again, until its budget is gone.
    func killGateway(_ fault: StressFault) async throws -> StressResult {
        var result = result(fault)
        var random = random
        let budget = USD(picodollars: Int64(item.count) * 3_000_000_000)
        let directory = "\(bench.directory)/\(name)"
        try Files.createDirectory(directory)
        let ledgerPath = "\(directory)/preflight.sqlite"
        let hash = bench.server.keys.first { $0.secret.reveal() == bench.server.options.ordinaryKey }?.hash ?? ""
        let before = bench.server.bill.total(keyHash: hash)
        func billed() -> USD { bench.server.bill.total(keyHash: hash) - before }
        var faults: [String] = []
        let steps: [MarkedStep] = MarkedStep.allCases.filter { $0.needsGateway && $0 != .runScopeMade }
        for number in 0...item.count {
            let isLast = number == item.count
            let output = "\(name).\(number).log"
            // Every other time at a marked step, else at a random time.
            let kill =
                number % 2 == 1
                ? steps.randomElement(using: &random).map {
                    StressKill(step: $0, count: Int.random(in: 1...40, using: &random))
                } : nil
            let child = try bench.start(
                [
                    "gateway", "--budget", budget.decimalText, "--listen", "127.0.0.1:0", "--console", "off",
                    "--runs-dir", directory,
                ],
                output: output, isLast ? [:] : kill.map { [StressKill.variable: $0.text] } ?? [:])
            guard let way = await way(output, child) else {
                // Its budget is written at the step too: it may die before it serves anybody.
                if kill != nil, !isLast, await child.ended(within: .zero) == 128 + Int(SIGKILL) {
                    result.injected += 1
                    continue
                }
                faults.append("the gateway did not start: \(lastWords(output))")
                await child.crash()
                break
            }
            let time = random.duration(300...1500)
            await withTaskGroup(of: Void.self) { group in
                for caller in 0..<8 { group.addTask { await self.call(way, caller) } }
                let status = await child.ended(within: time)
                if let status, isLast || kill == nil || status != 128 + Int(SIGKILL) {
                    faults.append("kill \(number + 1): it ended by itself, exit status \(status)")
                }
                if status == nil, !isLast { await child.crash() }
                if status == nil, isLast {
                    child.signal(SIGTERM)
                    let end = await child.ended(within: .seconds(60))
                    if end == nil { await child.crash() }
                    if end != 128 + Int(SIGTERM), end != 0 {
                        faults.append("asked to end, it \(end.map { "ended with exit status \($0)" } ?? "did not")")
                    }
                }
                group.cancelAll()
            }
            if !isLast { result.injected += 1 }
            let standing = try await standing(ledgerPath)
            if billed() > standing.committed {
                faults.append(
                    "kill \(number + 1): billed \(billed().exactText), the ledger has \(standing.committed.exactText)")
            }
        }
        let end = try await standing(ledgerPath)
        // Callers are silent about their failures.
        if end.spent == .zero { faults.append("no call was settled") }
        // What is held is what nobody knows: it may have been billed, or not.
        if billed() < end.spent {
            faults.append("the ledger has \(end.spent.exactText), billed is \(billed().exactText)")
        }
        result.verdicts += [
            .of(.money, faults),
            billed() <= budget ? .kept(.overspend) : .broken(.overspend, "billed \(billed()) of \(budget)"),
        ]
        bench.say("  \(name): billed \(billed().exactText); ledger \(end.spent.exactText), held \(end.held.exactText)")
        return result
    }

    private struct Standing {
        var spent = USD.zero
        var held = USD.zero
        /// With what was under way.
        var committed = USD.zero
    }

    private func standing(_ ledger: String) async throws -> Standing {
        guard
            let scope = try await LedgerReader(path: ledger).scopes().first(where: { $0.scope.name == "default" })?
                .scope
        else { return Standing() }
        return Standing(spent: scope.spent.total, held: scope.held, committed: scope.committed + scope.reserved)
    }

    /// What a started gateway prints for its callers.
    private func way(_ output: String, _ child: StressChild) async -> OpenRouterClient? {
        func value(_ name: String) -> String? {
            let text =
                (try? Files.read("\(bench.directory)/\(output)")).map { String(decoding: $0, as: UTF8.self) } ?? ""
            return text.split(separator: "\n").first { $0.hasPrefix("export \(name)=") }.map {
                String($0.drop { $0 != "=" }.dropFirst())
            }
        }
        guard await eventually(within: .seconds(20), { value("ANTHROPIC_AUTH_TOKEN") != nil || !child.isRunning }),
            let address = value("OPENROUTER_BASE_URL"), let key = value("OPENROUTER_API_KEY")
        else { return nil }
        return OpenRouterClient(baseURL: address, key: Secret(key), retry: .none)
    }

    private func lastWords(_ output: String) -> String {
        let text = (try? Files.read("\(bench.directory)/\(output)")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return text.split(separator: "\n").suffix(3).joined(separator: " / ")
    }

    private func call(_ way: OpenRouterClient, _ caller: Int) async {
        let request: JSON = [
            "model": .string(StressAgent.model), "max_tokens": 60,
            "messages": [["role": "user", "content": .string("caller \(caller)")]],
        ]
        while !Task.isCancelled {
            do { _ = try await way.complete(request, timeout: .seconds(10)) } catch {
                // Killed under the call, or out of money: a moment later it is asked again.
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
