import NIOCore
import PreflightCore
import Store

extension Exchange {
    /// The reservation is written: now the call may leave.
    func send() {
        let bytes: ByteBuffer
        do throws(CallRefusal) { bytes = try outgoing() } catch { return giveUp(Refusal(error)) }
        stage = .connecting
        let pool = context.pool(for: destination)
        let now = NIODeadline.now()
        if let connection = pool.takeResting(at: now) { return send(bytes, on: connection, at: now) }
        pool.connect(timeout: rules.settings.patience.connect) { [self] result in
            guard !isDone else {
                if case .success(let connection) = result { pool.giveBack(connection) }
                return
            }
            switch result {
            case .success(let connection):
                guard client != nil || asked == nil else {
                    pool.giveBack(connection)
                    release()
                    return end()
                }
                if let refusal = objection {
                    pool.giveBack(connection)
                    return giveUp(refusal)
                }
                if waitWhileHeld() {
                    pool.giveBack(connection)
                    return putOff()
                }
                send(bytes, on: connection, at: .now())
            case .failure(let failure): unreachable(failure)
            }
        }
    }

    private func send(_ bytes: ByteBuffer, on connection: UpstreamConnection, at now: NIODeadline) {
        self.connection = connection
        stage = .waiting
        sentAt = now
        wait(.firstByte, rules.settings.patience.firstByte, from: now)
        connection.send(bytes, for: self)
        MarkedStep.callSent.pass()
        context.reuse(bytes)
    }

    func wait(_ timeout: Timeout, _ amount: TimeAmount, from now: NIODeadline = .now()) {
        self.timeout = timeout
        deadline = now + amount
        let total = sentAt + rules.settings.patience.total
        if total < deadline {
            self.timeout = .total
            deadline = total
        }
    }

    /// Nothing was sent, so another upstream may be tried at no risk.
    func unreachable(_ failure: UpstreamFailure) {
        context.coolDown(upstream.name, until: .now() + settings.patience.coolDown)
        let reason = failure.text
        guard !tryNext(because: reason) else { return }
        release()
        report.status = 502
        if waitForUpstream(because: "\(upstream.name) cannot be reached: \(reason)") { return }
        tell(.callFailed, reason: reason)
        finish(
            Refusal.upstreamFailed(upstream.name, "\(upstream.name) cannot be reached: \(reason)").response(in: dialect)
        )
    }

    /// Goes to the next upstream with a reservation of its own; false when there is none.
    func tryNext(because reason: String) -> Bool {
        guard facts != nil, client != nil else { return false }
        guard
            let next = candidates.indices.first(where: {
                $0 > attempt && context.isReady(candidates[$0].upstream.name)
            })
        else { return false }
        release()
        report.status = nil
        tell(.callFailed, reason: "\(reason); trying \(candidates[next].upstream.name)")
        attempt = next
        head = nil
        body.clear()
        reserve()
        return true
    }

    func release() {
        guard let grant else { return }
        self.grant = nil
        gateway.ledger.resolve(grant.call, .released, on: nil)
    }

    // MARK: The request that leaves

    /// The caller's request, with the changes that the budget asks for.
    private func outgoing() throws(CallRefusal) -> ByteBuffer {
        let changed = try asked.flatMap { (asked) throws(CallRefusal) in try changedBody(asked.facts) }
        let isPost = request.kind == .post
        let length = isPost ? changed?.count ?? request.body.readableBytes : 0
        var out = context.message(room: request.fields.bytes.count + 320, extra: length) { head in
            writeRequestLine(into: &head)
            head.write(destination.hostLine)
            writeCredential(into: &head)
            head.writeFields(of: request.fields, except: .ofRequestHop)
            if isPost { head.writeContentLength(length) }
            head.write("\r\n" as StaticString)
        }
        // A body behind a request that has none would be read as the next request.
        guard isPost else { return out }
        if let changed { out.writeBytes(changed) } else { out.writeImmutableBuffer(request.body) }
        return out
    }

    private func writeRequestLine(into head: inout HeadWriter) {
        switch request.kind {
        case .post: head.write("POST " as StaticString)
        case .get: head.write("GET " as StaticString)
        case .head, .connect, .other: head.write(request.method + " ")
        }
        head.write(destination.upstream.address.basePath)
        var writer = head
        request.fields.bytes.withUnsafeBytes { bytes in
            writer.write(UnsafeRawBufferPointer(rebasing: bytes[suffix]))
            writer.write(UnsafeRawBufferPointer(rebasing: bytes[request.queryRange]))
        }
        head = writer
        head.write(" HTTP/1.1\r\n" as StaticString)
    }

    private func writeCredential(into head: inout HeadWriter) {
        guard let secret = key?.upstreamKey else { return head.write(destination.credentialLine) }
        head.write(Destination.credentialLine(secret, at: destination.upstream))
    }

    /// Nil where nothing is to be changed.
    private func changedBody(_ facts: CallFacts) throws(CallRefusal) -> [UInt8]? {
        var changes = BodyChanges()
        if let grant = grant?.grant, dialect != .embeddings, !isUnbounded(facts) {
            // Two caps in one body may differ; both are set then.
            changes.maxOutputTokens = grant.ceiling
        }
        if facts.isStreamed, !facts.asksForUsage, upstream.hidesUsage { changes.asksForUsage = true }
        if !facts.isStreamed, isMeteredByStream(facts) {
            changes.isStreamed = true
            changes.asksForUsage = upstream.hidesUsage
        }
        if upstream.kind == .openRouter, settings.sendsMaxPrice { changes.maxPrice = price?.maxPrice }
        changes.model = routedModel
        guard changes != BodyChanges() else { return nil }
        return try request.body.withBytes { (bytes) throws(CallRefusal) in
            try changes.applied(to: bytes, facts: facts)
        }
    }

    /// Neither the caller nor any budget bounds the answer: the upstream may choose, at no cost.
    private func isUnbounded(_ facts: CallFacts) -> Bool {
        guard isOpen(facts), let ask, let grant = grant?.grant else { return false }
        return grant.ceiling >= ask.wantedOutput
    }

    /// A call whose hold does not cover its longest answer is followed while it runs, also if its caller wants no
    /// stream.
    func isMeteredByStream(_ facts: CallFacts) -> Bool {
        guard !facts.isStreamed, let grant = grant?.grant, facts.choices == 1 else { return false }
        return grant.ceiling > grant.output && dialect != .embeddings
    }
}

extension UpstreamFailure {
    var text: String {
        switch self {
        case .unreachable(let reason): reason
        case .cut: "the connection was closed before the answer's end"
        case .unreadable(let reason): reason
        case .timedOut(let reason): reason
        }
    }
}
