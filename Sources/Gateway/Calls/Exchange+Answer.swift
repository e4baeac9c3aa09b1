import NIOCore
import PreflightCore
import Store

/// What comes of a call that was sent. Called by its connection, on the event loop.
extension Exchange {
    func upstreamAnswered(_ head: HTTPResponseHead) {
        self.head = head
        stage = .answering
        wait(.betweenBytes, rules.settings.patience.betweenBytes)
        report.status = head.status
        generation = head.fields[.generationID]
        if head.status < 500, head.status != 429 { context.warmUp(upstream.name) }
        guard head.status < 300, head.fields.has(prefix: "text/event-stream", in: .contentType), let facts else {
            return
        }
        noteRecovery()
        beginStream(facts)
        noteGeneration()
        if client == nil { return leaveUpstream() }
        if facts.isStreamed { writeStreamHead(head) }
    }

    private func noteGeneration() {
        guard let generation, let grant else { return }
        report.generation = generation
        gateway.ledger.note(grant.call, generation: generation)
    }

    private func beginStream(_ facts: CallFacts) {
        guard let grant = grant?.grant else { return }
        let withholds = facts.isStreamed && !facts.asksForUsage && upstream.hidesUsage
        stream = StreamPassage(
            meter: StreamMeter(dialect: dialect, withholdsUsageChunk: withholds),
            assembler: facts.isStreamed ? nil : AnswerAssembler(dialect: dialect, limit: settings.bounds.answer),
            grant: grant, choices: facts.choices, millibytesPerToken: context.millibytesPerToken(of: facts.model))
        awaitsPromptCount = canGiveBackPrompt(facts)
    }

    private func writeStreamHead(_ head: HTTPResponseHead) {
        guard let client else { return }
        client.write(
            ByteBuffer(room: head.fields.bytes.count + 320) { out in
                out.writeStatus(head.status)
                out.writeFields(of: head.fields, except: .ofResponseHop)
                writeBudgetFields(cost: nil, into: &out)
                if request.takesChunks { out.write("transfer-encoding: chunked\r\n" as StaticString) }
                if !keepsConnection(client) { out.write("connection: close\r\n" as StaticString) }
                out.write("\r\n" as StaticString)
            })
    }

    /// Where chunks are not understood, only closing tells where the answer ends.
    private func keepsConnection(_ client: ClientConnection) -> Bool { client.keepsAlive && request.takesChunks }

    /// What the caller is told of its budget.
    private func writeBudgetFields(cost: USD?, into head: inout HeadWriter) {
        guard let id = report.id else { return }
        func write(_ name: StaticString, _ amount: USD) {
            head.write(name)
            head.write(amount)
            head.write("\r\n" as StaticString)
        }
        head.write("x-preflight-call: " as StaticString)
        head.write(Int(id))
        head.write("\r\n" as StaticString)
        let reserved = report.reserved
        if let reserved { write("x-preflight-reserved: ", reserved) }
        if let cost { write("x-preflight-cost: ", cost) }
        if let headroom = report.headroom {
            // What is left once this call is settled.
            let left = cost.map { headroom + (reserved ?? .zero) - $0 } ?? headroom
            write("x-preflight-remaining: ", max(.zero, left))
        }
    }

    // MARK: Bytes

    func upstreamSent(_ bytes: ByteBuffer) {
        guard stream != nil else { return gather(bytes) }
        let hadWords = firstTokenAt != nil
        pass(bytes)
        follow()
        // What came with the first words need not be read before they leave.
        if !hadWords, firstTokenAt != nil, isStreamed { client?.flush() }
    }

    private func gather(_ bytes: ByteBuffer) {
        var bytes = bytes
        let limit = rules.settings.bounds.answer
        guard body.readableBytes + bytes.readableBytes <= limit else {
            return upstreamFailed(.unreadable("the answer is above \(limit) bytes"), wasReused: false)
        }
        if body.readableBytes == 0 { swap(&body, &bytes) } else { body.writeBuffer(&bytes) }
    }

    private func pass(_ bytes: ByteBuffer) {
        let isSent = isStreamed && client != nil
        let hadContent = stream?.meter.facts.hasContent ?? false
        let inChunks = request.takesChunks
        var out = ByteBuffer()
        // One piece and its frame, as it mostly is.
        if isSent { out.reserveCapacity(bytes.readableBytes + 32) }
        bytes.withUnsafeReadableBytes { raw in
            stream?.meter.feed(raw) { piece in
                if isSent { out.writePiece(piece, inChunks: inChunks) }
            }
            stream?.assembler?.feed(raw)
        }
        if !hadContent, stream?.meter.facts.hasContent == true { firstTokenAt = .now() }
        guard out.readableBytes > 0, let client else { return }
        client.write(out)
        // It may have been full already, so that it did not change.
        if !client.isWritable { connection?.setReading(false) }
    }

    func upstreamPaused() {
        guard !isDone, head != nil else { return }
        wait(.betweenBytes, rules.settings.patience.betweenBytes)
        if stream != nil, isStreamed { client?.flush() }
    }

    /// Keeps the reservation ahead of the answer, or ends the answer at the last token that is paid.
    private func follow() {
        // Asked in place: a copy of the passage costs more than what is asked of it.
        if awaitsPromptCount { giveBackPrompt() }
        guard let grant, let price, let isOverdrawn = stream?.isOverdrawn else { return }
        if isOverdrawn { return stopAtBudget() }
        guard let wanted = stream?.wanted else { return }
        stream?.isExtending = true
        guard price.perOutputToken > .zero || grant.grant.tokens > 0 else { return }
        gateway.ledger.extend(grant.call, output: wanted, on: context) { [self] granted in
            guard !isDone, self.stream != nil else { return }
            self.stream?.extended(by: granted)
            if granted > 0 {
                let more = price.perOutputToken * granted
                self.grant?.grant.amount += more
                let (count, overflow) = granted.multipliedReportingOverflow(by: price.choices)
                if let tokens = self.grant?.grant.tokens, !overflow, tokens < .max - count {
                    self.grant?.grant.tokens = tokens + count
                }
                report.reserved = self.grant?.grant.amount
            }
            if self.stream?.isOverdrawn == true { stopAtBudget() }
        }
    }

    /// The budget is used up: the answer ends as one that reached its longest length, and the upstream is left.
    private func stopAtBudget() {
        guard stream != nil, let facts else { return }
        stream?.isStopped = true
        report.finishReasons = ["budget"]
        finishStream(.truncated, facts)
        leaveUpstream(reason: "the budget was used up")
    }

    /// Writes the end of a stream that the upstream has not ended itself.
    func finishStream(_ reason: StreamEnding.Reason, _ facts: CallFacts) {
        guard let stream else { return }
        let ending = StreamEnding(
            reason, usage: stream.meter.facts.usage, id: report.id.map { "pf-\($0)" } ?? "pf-0", model: facts.model)
        guard facts.isStreamed else {
            if case .truncated = reason, let bytes = ending.bytes(after: stream.meter) {
                bytes.withUnsafeBytes { self.stream?.assembler?.feed($0) }
                answerAssembled(cost: nil)
            } else if case .failed(let refusal) = reason {
                client?.answer(refusal.response(in: dialect))
            }
            client = nil
            return
        }
        guard let client else { return }
        let bytes = ending.bytes(after: stream.meter)
        if let bytes {
            var out = ByteBuffer()
            bytes.withUnsafeBytes { out.writePiece($0, inChunks: request.takesChunks) }
            if request.takesChunks { out.writeStaticString("0\r\n\r\n") }
            client.write(out)
        }
        self.client = nil
        if bytes == nil { return client.close() }
        client.finish(closes: !keepsConnection(client))
    }

    // MARK: The end

    func upstreamEnded() {
        connection = nil
        guard !isDone else { return }
        guard let asked, let head else { return passOn() }
        let facts = asked.facts
        if stream != nil { return endStream(facts) }
        if head.status >= 300 { return endRefused(head) }
        let answer = body.withUnsafeReadableBytes { AnswerReader.facts(in: $0, dialect: dialect) }
        if let status = answer.refusalStatus, generation == nil { return endRefused(head, status: status) }
        noteRecovery()
        let cost = settle(answer, facts)
        respond(head, cost: cost)
        end()
    }

    private func endStream(_ facts: CallFacts) {
        // Gathered first: a write can fail at once, and end this exchange.
        var rest = ByteBuffer()
        stream?.meter.finish { rest.writePiece($0, inChunks: request.takesChunks) }
        stream?.assembler?.finish()
        if facts.isStreamed, rest.readableBytes > 0 { client?.write(rest) }
        guard let answer = stream?.meter.facts else { return }
        let cost = settle(answer, facts)
        if facts.isStreamed {
            let client = client
            end()
            guard let client else { return }
            if request.takesChunks { client.write(Self.lastChunk) }
            client.finish(closes: !keepsConnection(client))
        } else {
            answerAssembled(cost: cost)
            end()
        }
    }

    private static let lastChunk = ByteBuffer(string: "0\r\n\r\n")

    /// The answer that was asked for as a stream and is given as a whole.
    private func answerAssembled(cost: USD?) {
        guard let client else { return }
        guard let answer = stream?.assembler?.answer else {
            let refusal = Refusal.upstreamFailed(upstream.name, "the answer could not be put together")
            return client.answer(refusal.response(in: dialect))
        }
        let body = ByteBuffer(bytes: answer.bytes)
        let isError = stream?.assembler?.isError ?? false
        let status = isError ? stream?.meter.facts.error?.likelyStatus ?? 502 : 200
        let head = ByteBuffer(room: 512, extra: body.readableBytes) { out in
            out.writeStatus(status)
            out.write("content-type: application/json\r\n" as StaticString)
            // It may have been billed: not to be repeated blindly.
            if isError, cost == nil { out.write("x-should-retry: false\r\n" as StaticString) }
            writeBudgetFields(cost: cost, into: &out)
            if let generation { out.writeField("x-generation-id", generation) }
            out.writeEnd(contentLength: body.readableBytes, keepsAlive: client.keepsAlive)
        }
        client.answer(head, body)
    }

    func respond(_ head: HTTPResponseHead, cost: USD?) {
        guard let client else { return }
        let bytes = context.message(room: head.fields.bytes.count + 256, extra: body.readableBytes) { out in
            out.writeStatus(head.status)
            out.writeFields(of: head.fields, except: .ofResponseHop)
            writeBudgetFields(cost: cost, into: &out)
            out.writeEnd(contentLength: body.readableBytes, keepsAlive: client.keepsAlive)
        }
        client.answer(bytes, body)
    }

    /// What costs nothing is passed on as it came.
    private func passOn() {
        guard let head else { return finish(HTTPResponse(status: 502)) }
        if head.status >= 300 { redactBody() }
        respond(head, cost: nil)
        end()
    }
}

extension AnswerFacts {
    /// The status of an answer that is nothing but an error, as it would have been in its head: a call that was
    /// refused before any model saw it. Nil for every other answer.
    fileprivate var refusalStatus: Int? {
        guard let error, usage == nil, id == nil, !hasContent, !hasStarted, finishes.isEmpty else { return nil }
        return error.status.map { $0 < 400 ? 502 : $0 } ?? 502
    }
}
