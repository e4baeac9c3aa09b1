import PreflightCore

extension SimulatorServer {
    /// A call to a model, by any of the APIs.
    func complete(_ call: ServerCall, kind: CompletionRequest.Kind) async throws -> Reply {
        let now = now()
        let key = try withState { state throws(APIError) in try state.authenticate(call.bearer, now: now) }
        let request = try CompletionRequest(json: call.json(), kind: kind)
        let orders = call.orders ?? Orders()
        let admission = try withState { state throws(APIError) in
            try state.admit(request, orders, key: key, path: call.path, now: now)
        }
        return try await play(admission, call)
    }

    /// What an admitted call comes to.
    func play(_ admission: Admission, _ call: ServerCall) async throws -> Reply {
        let headers = [(name: "X-Generation-Id", value: admission.generationID)]
        if let failure = admission.turn.failure, !failure.isMidStream {
            try await waitForUpstream(admission, call.client)
            return refused(admission, failure, headers, call.errorShape)
        }
        if admission.request.isStreamed, admission.request.kind != .embeddings {
            return Reply(
                stream: CompletionStream(call: admission, client: call.client, server: self), headers: headers)
        }
        do {
            try await waitForUpstream(admission, call.client)
        } catch {
            // Only streams can be cancelled: whoever leaves another call pays for all of it, unless it never ends.
            let isEndless = admission.wait == .forever
            let ending = Ending(completionTokens: 0, finishReason: nil, isCancelled: true)
            _ = settle(admission, isEndless ? ending : .complete(admission))
            await noteDeparture(of: call.client, admission, produced: 0)
            throw error
        }
        return answered(admission, headers)
    }

    func settle(_ call: Admission, _ ending: Ending) -> Settlement {
        let now = now()
        return withState { $0.settle(call, ending, now: now) }
    }

    /// The prompt's counts; what they take from the cache is fixed with them where the answer begins with them.
    func promptUsage(of call: inout Admission) -> Usage {
        guard call.request.kind == .messages else {
            return Usage(promptTokens: call.turn.promptTokens ?? call.request.prompt.tokenCount)
        }
        let (admission, now) = (call, now())
        let (changed, usage) = withState { state in
            var admission = admission
            let usage = state.useCache(&admission, now: now)
            return (admission, usage)
        }
        call = changed
        return usage
    }

    private func waitForUpstream(_ admission: Admission, _ client: ClientConnection) async throws {
        if case .stall(let duration) = admission.breakage?.kind { try await client.wait(duration, on: clock) }
        switch admission.wait {
        case .none: break
        case .duration(let duration): try await client.wait(duration, on: clock)
        case .forever: try await client.waitUntilLeft()
        }
    }

    private func answered(_ admission: Admission, _ headers: [(name: String, value: String)]) -> Reply {
        var ending = Ending.complete(admission)
        var failure: Scenario.Failure?
        var showsUsage = true
        switch admission.breakage?.kind {
        case .error(let error, let isShown):
            failure = error
            showsUsage = isShown || admission.orders.breakage == nil
            ending.finishReason = "error"
            ending.isCharged = isShown || admission.breakage?.chargesAll == true
        case .cut, .end, .stall, nil: break
        }
        let settlement = settle(admission, ending)
        var answer = Self.json(admission, settlement, failure)
        if admission.orders.omitsUsage || !showsUsage { answer["usage"] = nil }
        var reply = Reply(.object(answer), headers: headers)
        // An API without a place for errors beside an answer.
        if let failure, answer["choices"] == nil, answer["output"] == nil { reply.status = failure.status }
        switch admission.breakage?.kind {
        case .cut: reply.isTruncated = true
        case .end:
            // Half of the JSON, as if that were all.
            let bytes = reply.bytes ?? []
            reply.body = .text(
                String(decoding: bytes.prefix(bytes.count / 2), as: UTF8.self), contentType: "application/json")
        case .error, .stall, nil: break
        }
        return reply
    }

    private static func json(
        _ admission: Admission, _ settlement: Settlement, _ failure: Scenario.Failure?
    ) -> JSON.Object {
        guard admission.request.kind != .embeddings else { return EmbeddingAnswer(call: admission).json(settlement) }
        let format = admission.format(prompt: settlement.usage, showsMessageCost: true)
        return format.whole(settlement, failure: failure).object ?? JSON.Object()
    }

    /// The provider refused the call; nothing is charged.
    private func refused(
        _ admission: Admission, _ failure: Scenario.Failure, _ headers: [(name: String, value: String)],
        _ shape: ErrorShape
    ) -> Reply {
        _ = settle(admission, Ending(completionTokens: 0, finishReason: "error"))
        let error = APIError(
            status: failure.status, message: failure.message,
            metadata: [
                "provider_name": .string(admission.provider.name), "raw": .string(failure.message), "is_byok": false,
            ],
            namesUser: true)
        return Reply(error.json(shape), status: error.status, headers: headers)
    }
}
