import Containers
import PreflightCore
import Store

extension TrialRunner {
    /// Runs `body` with the trial's way to its models, which is gone when this returns.
    func withPath(
        key: ProvisionedKey?, until: Timestamp, _ body: (TrialPath) async -> End
    ) async -> (end: End, account: ModelAccess.Account?) {
        guard let access = runPlan.access else {
            guard let key else { return (End(outcome: .harnessFailed, reason: "no key for the trial"), nil) }
            control.open(TrialControl.Reach(runner: self, key: key))
            let end = await body(TrialPath(network: network, key: key.key))
            await control.close()
            return (end, nil)
        }
        let network: OwnNetwork
        do { network = try await makeNetwork() } catch {
            await control.close()
            if let early = control.earlyEnd {
                return (self.early(early, "before its container started"), nil)
            }
            let failure = error as? DockerFailure ?? DockerFailure(kind: .other, message: "\(error)")
            return (End(failure, "no network for the trial: "), nil)
        }
        let result = await throughGateway(access, network, key: key, until: until) { path in
            guard let path else { return End(outcome: .harnessFailed, reason: "no gateway for the trial") }
            return await body(path)
        }
        await control.close()
        await shielded { await removeNetwork(network) }
        return result
    }

    /// What the gateway reports is recorded in order, by one task that ends with the exit.
    ///
    /// - Parameters:
    ///   - before: where the trial had a way to its models before.
    ///   - body: gets nil where there is none.
    func throughGateway(
        _ access: ModelAccess, _ network: OwnNetwork, key: ProvisionedKey?, until: Timestamp,
        before: ModelAccess.Before? = nil, _ body: (TrialPath?) async -> End
    ) async -> (end: End, account: ModelAccess.Account?) {
        let (events, input) = AsyncStream.makeStream(of: (type: String, fields: JSON.Object).self)
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { await shielded { for await event in events { take(event.type, event.fields) } } }
            defer { input.finish() }
            let exit: ModelAccess.Exit
            do {
                exit = try await access.open(
                    ModelAccess.Request(
                        run: runID, trial: plan, address: network.address, subKey: key?.key, expiresAt: until,
                        before: before, isHeld: recorder.trialState.hold != nil, report: { input.yield(($0, $1)) }))
            } catch {
                var end = await body(nil)
                await control.close()
                if end.outcome == .harnessFailed { end.reason += ": \(error)" }
                return (end, nil)
            }
            recorder.record(
                "gateway_opened",
                ["address": .string(exit.origin), "network": .string(network.name)])
            recorder.open(exit.calls)
            control.open(TrialControl.Reach(runner: self, key: key, scope: exit.budget, revoke: exit.revoke))
            let end = await body(
                TrialPath(network: network.name, key: exit.key, origin: exit.origin, tunnels: access.tunnels))
            await control.close()
            let account = await shielded { await exit.close() }
            input.finish()
            await group.waitForAll()
            recordClosed(account)
            return (end, account)
        }
    }

    func recordClosed(_ account: ModelAccess.Account) {
        recorder.record(
            "gateway_closed",
            [
                "settled": .usd(account.settled), "held": .usd(account.held),
                "error": account.failure.map(JSON.string),
            ])
    }

    func take(_ type: String, _ fields: JSON.Object) {
        recorder.recordGateway(type, fields)
        if type == "call_settled" || type == "call_reconciled" { writeBudgetFile() }
    }

    // MARK: The trial's own network

    struct OwnNetwork: Sendable {
        var name: String
        var entry: Int64
        /// Of this machine on it.
        var address: String

        init(name: String, entry: Int64, address: String) {
            self.name = name
            self.entry = entry
            self.address = address
        }

        /// One that there is already.
        init(_ resource: Resource, address: String = "") {
            self.init(name: resource.name, entry: resource.id, address: address)
        }
    }

    private func makeNetwork() async throws -> OwnNetwork {
        let name = Names.network(run: runID, nonce: nonce) + "-" + plan.alias
        let entry = try await journal.intend(
            .network, name: name, run: runID, trial: plan.attempt.name, at: world.now())
        MarkedStep.networkIntended.pass()
        do {
            let subnet = try await createNetwork(name)
            MarkedStep.networkMade.pass()
            try await journal.made(entry, handle: nil, at: world.now())
            return OwnNetwork(name: name, entry: entry, address: subnet.host)
        } catch {
            await shielded { await removeNetwork(OwnNetwork(name: name, entry: entry, address: "")) }
            throw error
        }
    }

    /// Which subnets are taken only the engine knows, so one is tried after the other.
    private func createNetwork(_ name: String) async throws -> ClosedSubnet {
        let labels: [Experiment.Variable] = [
            .init(name: Names.runLabel, value: runID), .init(name: Names.trialLabel, value: plan.alias),
            .init(name: Names.lockLabel, value: harnessLockPath),
        ]
        var attempt = 1
        while true {
            let subnet = ClosedSubnet(index: Int(world.nonce(4), radix: 16) ?? attempt)
            do {
                try await docker.createNetwork(name, labels: labels, closed: subnet)
                return subnet
            } catch let failure as DockerFailure where failure.message.contains("overlaps") {
                attempt += 1
                guard attempt <= 50 else {
                    throw DockerFailure(
                        kind: .addressPoolExhausted,
                        message: "no subnet is free for a closed network (\(failure.message))")
                }
            } catch let failure as DockerFailure where failure.kind == .engineUnreachable {
                attempt += 1
                guard attempt <= 50, await waitForReturn(failure) else { throw failure }
                // It may have been made before the answer was lost.
                try? await docker.removeNetwork(name)
            }
        }
    }

    func removeNetwork(_ network: OwnNetwork) async {
        do {
            try await docker.removeNetwork(network.name)
            try await journal.gone(network.entry, at: world.now())
        } catch {
            recorder.record(
                "network_not_removed", ["network": .string(network.name), "error": .string("\(error)")])
            report(
                .warning(
                    "network \(network.name) could not be removed (\(error)); `preflight sweep` will try again"))
        }
    }
}
