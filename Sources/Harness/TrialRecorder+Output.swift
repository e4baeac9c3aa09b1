import PreflightCore
import Store
import Synchronization

/// What the container says: it becomes lines of the logs, events, and signs of life.
extension TrialRecorder {
    /// Takes bytes as the container wrote them.
    package func ingest(_ stream: OutputKind, _ bytes: UnsafeRawBufferPointer) {
        state.withLock { state in
            if !state.isLogFull, state.log.hasRoom(for: bytes.count) {
                state.log.append(bytes)
            } else if !state.isLogFull {
                state.isLogFull = true
                state.log.append("\n[run.log ends here: limits.log is reached]\n".utf8)
            }
            let elapsed = elapsed
            switch stream {
            case .stdout:
                var lines: [AgentLine] = []
                state.stdout.split(bytes) { line, isCut in lines.append(AgentLine(bytes: line, isCut: isCut)) }
                for line in lines { take(line, elapsed: elapsed, into: &state) }
            case .stderr:
                hear(at: elapsed, &state)
                var lines: [String] = []
                state.stderr.split(bytes) { line, _ in
                    if line.contains(where: { $0 != 0x20 }) {
                        lines.append(String(decoding: line.prefix(500), as: UTF8.self))
                    }
                }
                state.stderrTail = Array((state.stderrTail + lines.suffix(10)).suffix(10))
            }
            flush(&state)
            judge(&state)
        }
    }

    package enum OutputKind: Sendable { case stdout, stderr }

    /// Takes last lines that had no newline, and says what was not kept.
    package func finishOutput() {
        state.withLock { state in
            var lines: [AgentLine] = []
            state.stdout.finish { line, isCut in lines.append(AgentLine(bytes: line, isCut: isCut)) }
            for line in lines { take(line, elapsed: elapsed, into: &state) }
            var tail: [String] = []
            state.stderr.finish { line, _ in tail.append(String(decoding: line.prefix(500), as: UTF8.self)) }
            state.stderrTail = Array((state.stderrTail + tail).suffix(10))
            tellUnkept(&state, at: elapsed)
            flush(&state)
        }
    }

    /// The container's output is read again from behind `outputLines`: what came of the line after is forgotten.
    package func restartOutput() {
        state.withLock { state in
            state.stdout = LineSplitter(limit: bounds.line)
            state.stderr = LineSplitter(limit: bounds.line)
        }
    }

    /// Marks a place in `run.log`.
    package func mark(_ text: String) {
        state.withLock { state in
            guard !state.isLogFull, state.log.hasRoom(for: text.utf8.count + 20) else { return }
            state.log.append("\n[\(text)]\n".utf8)
            flush(&state)
        }
    }

    /// Some of the output is lost: the engine has dropped what came after that time.
    func noteGap(since: Timestamp) {
        state.withLock { $0.hasGap = true }
        record("output_gap", ["since": .string(since.iso8601)])
    }

    var hasGap: Bool { state.withLock { $0.hasGap } }

    /// When the first and the last line of standard output were taken; nil where none was.
    var outputTimes: (first: Timestamp, last: Timestamp)? {
        state.withLock { state in
            guard let first = state.firstLineAt else { return nil }
            return (first, state.lastLineAt ?? first)
        }
    }

    /// Lines of standard output that were taken.
    package var outputLines: Int { state.withLock { $0.lines } }

    /// Before the next line that is kept, so that the log tells how far into the output it goes.
    private func tellUnkept(_ state: inout State, at elapsed: Duration) {
        guard let fields = state.unkept.takeFields() else { return }
        state.unheard = nil
        append(
            Event(timestamp: world.now(), elapsed: elapsed, source: .harness, type: "lines_not_kept", fields: fields),
            to: &state)
    }

    /// How often the log is told of life that is no event of its own, at most.
    static var hearing: Duration { .seconds(1) }

    /// A sign of life that is no event, or one that is not kept.
    private func hear(at elapsed: Duration, _ state: inout State) {
        state.unheard = elapsed
        guard elapsed - (state.watch.state.lastActivity ?? .zero) >= Self.hearing else { return }
        tellHeard(&state, at: elapsed)
    }

    func tellHeard(_ state: inout State, at elapsed: Duration) {
        tellUnkept(&state, at: elapsed)
        guard state.unheard != nil else { return }
        state.unheard = nil
        append(Event(timestamp: world.now(), elapsed: elapsed, source: .harness, type: "activity"), to: &state)
    }

    private func take(_ line: AgentLine, elapsed: Duration, into state: inout State) {
        var event = Event(timestamp: world.now(), elapsed: elapsed, source: .agent, type: "raw")
        state.lines += 1
        state.firstLineAt = state.firstLineAt ?? event.timestamp
        state.lastLineAt = event.timestamp
        switch line {
        case .event(let type, let fields):
            event.type = type
            event.fields = fields
            guard state.events.size < bounds.log else {
                // Still counts, so that a flood cannot hide its spend.
                state.unkept.take(event, state.watch.state)
                hear(at: elapsed, &state)
                return
            }
        case .raw(let text, let isCut):
            guard state.rawBytes + text.utf8.count <= bounds.raw else {
                state.unkept.take(event, state.watch.state)
                hear(at: elapsed, &state)
                return
            }
            state.rawBytes += text.utf8.count
            event.fields.append("line", .string(text))
            if isCut { event.fields.append("cut", true) }
        }
        tellUnkept(&state, at: elapsed)
        append(event, to: &state)
    }
}
