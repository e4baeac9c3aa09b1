import Hummingbird
import PreflightCore

/// A streamed answer on its way: server-sent events, charged when they end, however they end.
struct CompletionStream: Sendable {
    var call: Admission
    var client: ClientConnection
    var server: SimulatorServer

    /// Thrown when the connection was closed on purpose.
    struct Cut: Error {}

    private static let mostBytesPerWrite = 16_384

    /// Writes the whole stream. When the client leaves, what was produced until then is charged.
    func run(_ writer: inout any ResponseBodyWriter) async throws {
        var call = call
        let prompt = server.promptUsage(of: &call)
        var voice = Voice(
            writer: writer,
            format: call.format(
                prompt: prompt, showsMessageCost: server.options.showsCostInMessageStreams))
        defer { writer = voice.writer }
        do {
            try await speak(call, &voice)
        } catch {
            await leave(call, produced: voice.produced)
            throw error
        }
        switch call.breakage?.kind {
        case .error(let failure, let showsUsage):
            let charges = call.breakage?.chargesAll ?? false
            let settlement = server.settle(
                call,
                Ending(
                    completionTokens: charges ? call.completionTokens : voice.produced, finishReason: "error",
                    isCharged: showsUsage || charges))
            voice.format.fail(failure, showsUsage ? settlement : nil, &voice.events)
        case .cut, .end:
            let charges = call.breakage?.chargesAll ?? false
            _ = server.settle(
                call, Ending(completionTokens: charges ? call.completionTokens : voice.produced, finishReason: nil))
        case .stall, nil:
            let settlement = server.settle(call, .complete(call))
            voice.format.end(call.orders.omitsUsage ? nil : settlement, &voice.events)
        }
        try await voice.flush()
        if case .cut = call.breakage?.kind {
            await client.cut()
            throw Cut()
        }
    }

    /// The books of a stream that its client did not see through.
    private func leave(_ call: Admission, produced: Int) async {
        let stops = call.stopsWhenCancelled(server.options.cancellation)
        let billed = stops || produced == 0 ? produced : call.completionTokens
        _ = server.settle(call, Ending(completionTokens: billed, finishReason: nil, isCancelled: true))
        await server.noteDeparture(of: client, call, produced: produced)
    }

    /// Everything up to the end of the text; of an answer that breaks, the first part.
    private func speak(_ call: Admission, _ voice: inout Voice) async throws {
        let pace = call.orders.pace ?? server.options.pace
        voice.format.begin(&voice.events)
        try await waitForFirstToken(call, &voice)
        let pieces = call.draft.pieces
        var stall: Duration?
        var count = pieces.count
        if let breakage = call.breakage {
            let before = breakage.partsBefore(of: pieces.count)
            if case .stall(let duration) = breakage.kind { stall = duration } else { count = min(before, count) }
            if stall != nil { voice.stallsBefore = before }
        }
        for (index, piece) in pieces.prefix(count).enumerated() {
            if index > 0, pace > .zero {
                try await voice.flush()
                try await client.wait(pace, on: server.clock)
            }
            if let stall, index == voice.stallsBefore { try await pause(stall, &voice) }
            guard !client.hasLeft else { throw ClientConnection.Left() }
            voice.produced = call.completionTokens * (index + 1) / pieces.count
            for choice in 0..<call.request.choices {
                voice.format.say(piece, choice: choice, produced: voice.produced, &voice.events)
                if voice.events.bytes.count >= Self.mostBytesPerWrite { try await voice.flush() }
            }
        }
        // Short answers stall before their end.
        if let stall, (voice.stallsBefore ?? 0) >= count { try await pause(stall, &voice) }
        guard !client.hasLeft else { throw ClientConnection.Left() }
    }

    private func pause(_ duration: Duration, _ voice: inout Voice) async throws {
        try await voice.flush()
        try await client.wait(duration, on: server.clock)
    }

    private func waitForFirstToken(_ call: Admission, _ voice: inout Voice) async throws {
        var remaining: Duration? =
            switch call.wait {
            case .none: .zero
            case .duration(let duration): duration
            case .forever: nil
            }
        while remaining.map({ $0 > .zero }) ?? true {
            try await voice.flush()
            let step = min(remaining ?? server.options.keepAlive, server.options.keepAlive)
            try await client.wait(step, on: server.clock)
            remaining = remaining.map { $0 - step }
            if remaining != .zero { voice.format.idle(&voice.events) }
        }
    }
}

/// A stream's place in its answer, and the way out.
private struct Voice {
    var writer: any ResponseBodyWriter
    var format: any AnswerFormat
    var events = EventBuffer()
    /// Tokens so far, over all choices.
    var produced = 0
    var stallsBefore: Int?

    mutating func flush() async throws {
        guard !events.bytes.isEmpty else { return }
        try await writer.write(ByteBuffer(bytes: events.take()))
    }
}
