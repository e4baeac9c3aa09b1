import NIOCore
import PreflightCore
import Store

/// Answers that are refusals of the upstream.
extension Exchange {
    /// The upstream refused. Its body is passed on as it is: clients know it.
    ///
    /// - Parameter status: what the answer says inside, where its head says that all is well.
    func endRefused(_ head: HTTPResponseHead, status: Int? = nil, cutBy failure: UpstreamFailure? = nil) {
        let status = status ?? head.status
        let isUpstreamsFault = status >= 500 || status == 429 || status == 408
        if isUpstreamsFault {
            let pause = retryAfter(head).map { TimeAmount(min($0, .seconds(300))) }
            if pause != nil || status >= 500 {
                context.coolDown(upstream.name, until: .now() + (pause ?? .seconds(1)))
            }
        }
        if !isUpstreamsFault, !(status == 404 && isRefusedForPrice) { noteRecovery() }
        redactBody()
        let reason = "\(upstream.name) answered \(status)\(words.map { ": \($0)" } ?? "")"
        var isReleased = true
        if [408, 504, 524].contains(status) || status >= 500 && generation != nil {
            // A generation that has a name has begun, and may have been billed before it failed.
            hold(estimate: nil, reason: reason)
            isReleased = false
            if waitForUpstream(because: reason, status: status, asked: retryAfter(head), isDoubtful: true) { return }
        } else {
            release()
            if sendUnsteered(status: status, because: reason) { return }
            if isUpstreamsFault, tryNext(because: reason) { return }
            if isUpstreamsFault, waitForUpstream(because: reason, status: status, asked: retryAfter(head)) { return }
            // Whoever keeps the prices hears of it, and the next attempt is reserved at the new one.
            if status == 404, isRefusedForPrice, waitForUpstream(because: reason, status: status, isBounded: true) {
                return
            }
            tell(.callFailed, reason: reason)
        }
        if let failure {
            let text = "\(upstream.name) answered \(head.status), and then \(failure.text)"
            return finish(Refusal.upstreamFailed(upstream.name, text).response(in: dialect))
        }
        // What was released costs nothing; what is held is not known yet.
        respond(head, cost: isReleased ? .zero : nil)
        end()
    }

    /// OpenRouter serves the model for more than the call was reckoned with.
    private var isRefusedForPrice: Bool {
        guard upstream.kind == .openRouter, settings.sendsMaxPrice, price?.maxPrice != nil else { return false }
        let answer = body.getBytes(at: body.readerIndex, length: body.readableBytes).flatMap { try? JSON.parse($0) }
        let availability = answer?["error"]?["availability"] ?? answer?["error"]?["metadata"]?["availability"]
        return availability?["excluded_by"]?.array?.contains("max_price") ?? false
    }

    /// How long the upstream asks to be left alone.
    func retryAfter(_ head: HTTPResponseHead) -> Duration? {
        head.fields[.retryAfter].flatMap { text in
            RetryAfter.delay(text, now: head.fields[.date].flatMap(Timestamp.init(httpDate:)) ?? gateway.now())
        }
    }

    /// The upstream's own words for its refusal, once its body is redacted.
    private var words: String? {
        let answer = body.withUnsafeReadableBytes { AnswerReader.facts(in: $0, dialect: dialect) }
        guard let message = answer.error?.message, !message.isEmpty else { return nil }
        return String(message.prefix(300))
    }

    /// Some servers repeat the key that they do not like.
    func redactBody() {
        guard let secret = key?.upstreamKey ?? upstream.key else { return }
        let text = [UInt8](secret.reveal().utf8)
        guard text.count >= 8, let bytes = body.getBytes(at: body.readerIndex, length: body.readableBytes) else {
            return
        }
        var out = ByteBuffer()
        var index = 0
        var isFound = false
        while index < bytes.count {
            if bytes[index] == text[0], bytes[index...].starts(with: text) {
                out.writeStaticString("****")
                index += text.count
                isFound = true
            } else {
                out.writeInteger(bytes[index])
                index += 1
            }
        }
        if isFound { body = out }
    }
}
