import Containers
import PreflightCore
import Synchronization

/// Hears what a scorer prints, and keeps the last of it.
final class ScorerEar: Sendable {
    /// Bytes of both outputs together.
    static let mostOutput = 16 << 20
    private static let line = 64 << 10
    private static let lines = 5

    private struct State {
        var stdout = LineSplitter(limit: ScorerEar.line)
        var stderr = LineSplitter(limit: 500)
        var lastLine: (text: String, isCut: Bool)?
        var lastStderr: [String] = []
        var bytes = 0

        mutating func hear(_ line: ArraySlice<UInt8>, isCut: Bool) {
            guard line.contains(where: { $0 > 0x20 }) else { return }
            lastLine = (String(decoding: line, as: UTF8.self), isCut)
        }

        mutating func hearError(_ line: ArraySlice<UInt8>) {
            lastStderr = (lastStderr + [String(decoding: line, as: UTF8.self)]).suffix(ScorerEar.lines)
        }
    }

    private let state = Mutex(State())
    private let tell: AsyncStream<Void>.Continuation
    /// Speaks once more has come than is listened to.
    let floods: AsyncStream<Void>

    init() { (floods, tell) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

    func take(_ stream: OutputStream, _ bytes: UnsafeRawBufferPointer) {
        let isFlood = state.withLock { state in
            guard state.bytes <= Self.mostOutput else { return true }
            state.bytes += bytes.count
            var lines: [(ArraySlice<UInt8>, Bool)] = []
            switch stream {
            case .stdout:
                state.stdout.split(bytes) { lines.append(($0, $1)) }
                for (line, isCut) in lines { state.hear(line, isCut: isCut) }
            case .stderr:
                state.stderr.split(bytes) { lines.append(($0, $1)) }
                for (line, _) in lines { state.hearError(line) }
            }
            return state.bytes > Self.mostOutput
        }
        if isFlood { tell.yield() }
    }

    /// What it has said, now that it has ended.
    func answer(exitCode: Int) -> ScorerAnswer {
        state.withLock { state in
            var lines: [(ArraySlice<UInt8>, Bool)] = []
            state.stdout.finish { lines.append(($0, $1)) }
            for (line, isCut) in lines { state.hear(line, isCut: isCut) }
            lines = []
            state.stderr.finish { lines.append(($0, $1)) }
            for (line, _) in lines { state.hearError(line) }
            return ScorerAnswer(
                exitCode: exitCode, lastLine: state.lastLine?.text, isCut: state.lastLine?.isCut ?? false,
                lastStderr: state.lastStderr)
        }
    }
}
