import Foundation
import PreflightCore
import Store
import Synchronization

/// A file of lines whose writers never wait for the disk: a thread of its own hands them over.
///
/// What the disk does not take is kept up to a bound; lines beyond it are dropped whole, and their number is told.
final class LogFile: Sendable {
    /// Bytes that wait to be written.
    static let bound = 16 << 20
    private static let patience = Duration.seconds(5)

    private struct Waiting {
        var bytes: [UInt8] = []
        var dropped = 0
        var isBeingWritten = false
        var hasFailed = false
    }

    private let waiting = Mutex(Waiting())
    /// Locked by the thread that writes, and by no other.
    private let file: Mutex<AppendFile>
    private let queue = DispatchQueue(label: "preflight.log")
    private let warn: @Sendable (String) -> Void

    /// - Parameter warn: must not wait either.
    init(path: String, warn: @escaping @Sendable (String) -> Void) throws {
        file = Mutex(try AppendFile(path: path))
        self.warn = warn
    }

    var waitingBytes: Int { waiting.withLock { $0.bytes.count } }

    func append(_ line: [UInt8]) {
        let isFirstDropped = waiting.withLock { waiting in
            guard waiting.bytes.count + line.count > Self.bound else {
                waiting.bytes += line
                return false
            }
            waiting.dropped += 1
            return waiting.dropped == 1
        }
        if isFirstDropped { warn("the log cannot be written as fast as it grows: events are missing from now on") }
    }

    /// Has all that waits written, and does not wait for it.
    func flush() {
        let isFree = waiting.withLock { waiting in
            defer { waiting.isBeingWritten = true }
            return !waiting.isBeingWritten
        }
        if isFree { queue.async { self.write() } }
    }

    private func write() {
        do {
            try file.withLock { file in
                // What it could not take the last time stands in the middle of a line, and comes first.
                try file.flush()
                let bytes = waiting.withLock { waiting in
                    defer { waiting.bytes = [] }
                    return waiting.bytes
                }
                file.append(bytes)
                try file.flush()
            }
            end(with: nil)
        } catch {
            end(with: (error as? PreflightError)?.message ?? "\(error)")
        }
    }

    private func end(with failure: String?) {
        let (isNews, dropped) = waiting.withLock { waiting in
            defer {
                waiting.isBeingWritten = false
                waiting.hasFailed = failure != nil
                if failure == nil { waiting.dropped = 0 }
            }
            return (!waiting.hasFailed, waiting.dropped)
        }
        if let failure {
            if isNews { warn("the log is not complete: \(failure)") }
        } else if dropped > 0 {
            warn("the log is written again; \(Self.count(dropped)) missing in it")
        }
    }

    private static func count(_ dropped: Int) -> String { dropped == 1 ? "1 event is" : "\(dropped) events are" }

    /// Waits until all is written, for some seconds at most; a disk that refuses is not waited for.
    func finish() async {
        let deadline = ContinuousClock.now + Self.patience
        var isOver = false
        repeat {
            flush()
            try? await ContinuousClock().sleep(for: .milliseconds(5))
            isOver = waiting.withLock { !$0.isBeingWritten && ($0.bytes.isEmpty || $0.hasFailed) }
        } while !isOver && ContinuousClock.now < deadline
        let dropped = waiting.withLock { $0.dropped }
        if !isOver { warn("the log is not complete: its last events could not be written in time") }
        if dropped > 0 { warn("\(Self.count(dropped)) missing in the log") }
    }
}
