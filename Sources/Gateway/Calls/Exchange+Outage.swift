import NIOCore
import PreflightCore

/// A provider's outage: the call waits for its end, and is then sent again with a reservation of its own.
extension Exchange {
    /// Lets the call wait, if its outage allows; false where it is to fail.
    ///
    /// What was reserved for the attempt is released or held by now.
    ///
    /// - Parameters:
    ///   - asked: what the upstream wants to be left alone for.
    ///   - isDoubtful: the attempt may have been billed.
    ///   - isBounded: it is not worth many attempts.
    func waitForUpstream(
        because reason: String, status: Int? = nil, asked: Duration? = nil, isDoubtful: Bool = false,
        isBounded: Bool = false
    ) -> Bool {
        let rule = settings.patience.outage
        guard rule.limit > .zero, client != nil, !isEnding, let key, let name = outageName,
            !isDoubtful && !isBounded || doubts < rule.doubtfulAttempts
        else { return false }
        failures += 1
        guard
            let (pause, isFirst) = gateway.outages.fail(
                name, failures: failures, asked: asked, isWaiting: isInOutage, rule: rule)
        else { return false }
        isInOutage = true
        if isDoubtful || isBounded { doubts += 1 }
        if !isDoubtful {
            report.isSentAgain = true
            tell(.callFailed, reason: reason)
        }
        if isFirst {
            let told = GatewayEvent.Pause(
                model: name.model, upstream: upstream.name, status: status, limit: rule.limit)
            gateway.report(
                GatewayEvent(.callsPaused, key: key, listener: listener.name, pause: told, reason: reason))
        }
        clearAttempt()
        deadline = .distantFuture
        stage = .paused(context.loop.scheduleTask(in: TimeAmount(pause)) { [self] in sendAgain() })
        return true
    }

    /// What is known of the attempt that failed says nothing of the next.
    func clearAttempt() {
        report = GatewayEvent.Call(dialect: dialect, model: report.model)
        report.isStreamed = isStreamed
        head = nil
        stream = nil
        generation = nil
        firstTokenAt = nil
        body.clear()
    }

    private func sendAgain() {
        guard case .paused = stage else { return }
        stage = .reading
        begin()
    }

    /// The upstream answers, be it with a refusal of another kind.
    func noteRecovery() {
        if isInOutage {
            leaveOutage(.answered)
        } else if let name = outageName {
            gateway.outages.answered(name)
        }
    }

    func leaveOutage(_ end: Outages.End) {
        guard isInOutage, let name = outageName else { return }
        isInOutage = false
        guard let lasted = gateway.outages.leave(name, end) else { return }
        let told = GatewayEvent.Pause(model: name.model, duration: lasted, end: end.rawValue)
        gateway.report(GatewayEvent(.callsResumed, key: key, listener: listener.name, pause: told))
    }

    private var outageName: Outages.Name? {
        guard let facts, let key else { return nil }
        return Outages.Name(scope: key.scopeName, model: facts.model)
    }
}
