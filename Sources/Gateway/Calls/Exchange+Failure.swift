import NIOCore
import PreflightCore
import Store

/// Calls that get no whole answer: the upstream fails, time is over, or the caller leaves.
extension Exchange {
    func timedOut() {
        let reason =
            switch timeout {
            case .firstByte: "no answer within \(settings.patience.firstByte.text)"
            case .betweenBytes: "the answer stood still for \(settings.patience.betweenBytes.text)"
            case .total: "the answer took more than \(settings.patience.total.text)"
            case .leaving: "the caller left"
            }
        upstreamFailed(.timedOut(reason), wasReused: false)
    }

    /// Sent, and no whole answer: it may have been billed.
    func upstreamFailed(_ failure: UpstreamFailure, wasReused: Bool) {
        guard !isDone else { return }
        connection?.abandon()
        connection = nil
        if case .unreachable = failure { return unreachable(failure) }
        guard let facts else {
            return finish(Refusal.upstreamFailed(upstream.name, failure.text).response(in: dialect))
        }
        context.coolDown(upstream.name, until: .now() + .seconds(1))
        if head == nil, failure == .cut, wasReused, retries == 0, client != nil {
            // Most likely it was closed as idle while the request was on its way. What was sent stays held, and the
            // second attempt has a reservation of its own.
            retries += 1
            hold(estimate: nil, reason: "the connection was closed as the call was sent")
            return reserve()
        }
        if let head, head.status >= 300 { return endRefused(head, cutBy: failure) }
        let refusal: Refusal =
            if case .timedOut = failure {
                .upstreamTimedOut(upstream.name, "\(upstream.name): \(failure.text)")
            } else {
                // It may have been billed: not to be repeated blindly.
                .upstreamFailed(upstream.name, "\(upstream.name): \(failure.text)", mayRetry: false)
            }
        if let answer = stream?.meter.facts {
            // That the gateway itself ends is nobody's failure.
            if !isEnding { report.failureStatus = refusal.status }
            finishStream(.failed(refusal), facts)
            _ = settle(answer, facts, reason: failure.text)
            return end()
        }
        report.status = refusal.status
        hold(estimate: nil, reason: failure.text)
        if waitForUpstream(because: "\(upstream.name): \(failure.text)", isDoubtful: true) { return }
        finish(refusal.response(in: dialect))
    }

    /// The caller has left before anything was answered. Where the answer's head names the call, by which its cost can
    /// be asked for, it is waited for a moment; without that name the cost would stay unknown.
    func leaveUnanswered() {
        guard let facts, facts.isStreamed, upstream.knowsGenerations else { return leaveUpstream() }
        wait(.leaving, settings.patience.leaving)
    }

    /// The caller has left, or is not to get more. A stream is broken off, which stops most providers; a call that is
    /// not streamed runs to its end and is billed in any case, so its end is waited for.
    func leaveUpstream(reason: String = "the caller left") {
        guard let facts, facts.isStreamed || stream != nil else { return }
        connection?.abandon()
        connection = nil
        if let answer = stream?.meter.facts {
            _ = settle(answer, facts, reason: reason)
        } else {
            hold(estimate: nil, reason: reason)
        }
        end()
    }
}

extension TimeAmount {
    var text: String { Duration.nanoseconds(nanoseconds).shortText }
}
