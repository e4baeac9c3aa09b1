import Hummingbird
import PreflightCore

/// A streamed answer on its way: server-sent events, charged when they end, however they end.
struct CompletionStream: Sendable {
    var call: Admission
    var client: ClientConnection
    var server: SimulatorServer
    var omitsUsage: Bool

    private static let keepAlive = ": OPENROUTER PROCESSING\n\n"

    /// Writes the whole stream. When the client leaves, what was produced until then is charged.
    func run(_ writer: inout any ResponseBodyWriter) async throws {
        var produced = 0
        do {
            try await speak(&writer, produced: &produced)
        } catch {
            let billed = call.provider.stopsWhenCancelled || produced == 0 ? produced : call.completionTokens
            _ = server.settle(call, Ending(completionTokens: billed, finishReason: nil, isCancelled: true))
            throw error
        }
        if let failure = call.turn.failure {
            _ = server.settle(call, Ending(completionTokens: produced, finishReason: "error"))
            try await send(AnswerJSON(call: call).errorChunk(failure), to: &writer)
            return
        }
        let settlement = server.settle(call, .complete(call))
        for choice in 0..<call.request.choices {
            try await send(AnswerJSON(call: call).finishChunk(choice: choice), to: &writer)
        }
        if !omitsUsage { try await send(AnswerJSON(call: call).usageChunk(settlement), to: &writer) }
        try await writer.write(ByteBuffer(string: "data: [DONE]\n\n"))
    }

    /// Everything up to the end of the text; of an answer that fails, the first half.
    private func speak(_ writer: inout any ResponseBodyWriter, produced: inout Int) async throws {
        try await writer.write(ByteBuffer(string: Self.keepAlive))
        try await waitForFirstToken(&writer)
        let all = call.draft.pieces
        let pieces = call.turn.failure == nil ? all[...] : all.prefix(max(1, all.count / 2))
        for (index, piece) in pieces.enumerated() {
            if index > 0 { try await client.wait(server.options.pace, on: server.clock) }
            guard !client.hasLeft else { throw ClientConnection.Left() }
            for choice in 0..<call.request.choices {
                try await send(AnswerJSON(call: call).chunk(piece, choice: choice), to: &writer)
            }
            produced = call.completionTokens * (index + 1) / all.count
        }
    }

    private func waitForFirstToken(_ writer: inout any ResponseBodyWriter) async throws {
        var remaining: Duration? =
            switch call.turn.wait {
            case .none: .zero
            case .duration(let duration): duration
            case .forever: nil
            }
        while remaining.map({ $0 > .zero }) ?? true {
            let step = min(remaining ?? server.options.keepAlive, server.options.keepAlive)
            try await client.wait(step, on: server.clock)
            remaining = remaining.map { $0 - step }
            if remaining != .zero { try await writer.write(ByteBuffer(string: Self.keepAlive)) }
        }
    }

    private func send(_ chunk: JSON, to writer: inout any ResponseBodyWriter) async throws {
        var bytes = Array("data: ".utf8)
        chunk.write(into: &bytes)
        bytes += [0x0A, 0x0A]
        try await writer.write(ByteBuffer(bytes: bytes))
    }
}
