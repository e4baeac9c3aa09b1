import PreflightCore

extension SimulatorServer {
    /// `POST /chat/completions` and `POST /completions`.
    func complete(_ call: ServerCall, kind: CompletionRequest.Kind) async throws -> Reply {
        _ = try authenticated(call)
        let request = try CompletionRequest(json: call.json(), kind: kind)
        let now = now()
        let admission = try withState { state throws(APIError) in
            try state.admit(request, key: state.authenticate(call.bearer, now: now), now: now)
        }
        let headers = [(name: "X-Generation-Id", value: admission.generationID)]
        if let failure = admission.turn.failure, !failure.isMidStream {
            try await waitForUpstream(admission, call.client)
            return refused(admission, failure, headers)
        }
        if admission.request.isStreamed {
            let stream = CompletionStream(
                call: admission, client: call.client, server: self, omitsUsage: call.omitsUsage)
            return Reply(stream: stream, headers: headers)
        }
        do {
            try await waitForUpstream(admission, call.client)
        } catch {
            // Only streams can be cancelled: whoever leaves another call pays for all of it, unless it never ends.
            let isEndless = admission.turn.wait == .forever
            let ending = Ending(completionTokens: 0, finishReason: nil, isCancelled: true)
            _ = settle(admission, isEndless ? ending : .complete(admission))
            throw error
        }
        return answered(admission, headers, omitsUsage: call.omitsUsage)
    }

    func settle(_ call: Admission, _ ending: Ending) -> Settlement {
        let now = now()
        return withState { $0.settle(call, ending, now: now) }
    }

    private func waitForUpstream(_ admission: Admission, _ client: ClientConnection) async throws {
        switch admission.turn.wait {
        case .none: break
        case .duration(let duration): try await client.wait(duration, on: clock)
        case .forever: try await client.waitUntilLeft()
        }
    }

    private func answered(
        _ admission: Admission, _ headers: [(name: String, value: String)], omitsUsage: Bool
    ) -> Reply {
        let failure = admission.turn.failure
        var ending = Ending.complete(admission)
        if failure != nil { ending.finishReason = "error" }
        let settlement = settle(admission, ending)
        var answer = AnswerJSON(call: admission).whole(settlement, failure: failure).object ?? JSON.Object()
        if omitsUsage { answer["usage"] = nil }
        return Reply(.object(answer), headers: headers)
    }

    /// The provider refused the call; nothing is charged.
    private func refused(
        _ admission: Admission, _ failure: Scenario.Failure, _ headers: [(name: String, value: String)]
    ) -> Reply {
        _ = settle(admission, Ending(completionTokens: 0, finishReason: "error"))
        let error = APIError(
            status: failure.status, message: failure.message,
            metadata: [
                "provider_name": .string(admission.provider.name), "raw": .string(failure.message), "is_byok": false,
            ],
            namesUser: true)
        return Reply(error.json, status: error.status, headers: headers)
    }
}
