import Foundation
package import PreflightCore

/// Reads a trial's event log, whole or from a mark on, and holds every line against the chain.
package struct EventLogReader: Sendable {
    package let path: String
    let run: String
    /// Of the attempt.
    let name: String

    package init(_ directory: TrialDirectory) {
        path = directory.eventsPath
        run = directory.run
        name = directory.attempt.name
    }

    /// What a pass over the log found.
    package struct Reading: Sendable {
        /// After the last whole line.
        package var mark: LogMark
        /// The first line that is not what was written; what follows it was read all the same.
        package var fault: LogFault?
        /// Bytes behind `mark`: a line that was being written, or was torn by a crash.
        package var tornBytes = 0
        /// Whether the log had the same link where `checkpoint` stands; nil where it does not go so far.
        package var agreesWithCheckpoint: Bool?
    }

    /// Hands out the events in their order.
    ///
    /// A torn end is what stands behind the last newline, and unreadable lines before it that no readable one follows:
    /// what a crash leaves. It is no fault.
    ///
    /// - Parameters:
    ///   - start: where to begin; nil for the beginning. A log that is shorter gives nothing.
    ///   - checkpoint: a mark that somebody took of this log.
    package func read(
        from start: LogMark? = nil, checkpoint: LogMark? = nil, _ take: (Event) -> Void = { _ in }
    ) throws -> Reading {
        var reading = Reading(mark: start ?? LogMark(link: ChainLink(run: run, trial: name)))
        // Unreadable lines are a fault only once a readable one follows.
        var unreadable: LogFault?
        var skipped = (lines: 0, bytes: 0)
        func compare() {
            guard let checkpoint, checkpoint.bytes == reading.mark.bytes else { return }
            reading.agreesWithCheckpoint = checkpoint.link == reading.mark.link
        }
        compare()
        let end = try LineReader.forEach(path, from: reading.mark.bytes) { line, offset in
            let number = reading.mark.lines + skipped.lines + 1
            guard let (members, link) = ChainLink.split(line), let event = Event(line: line) else {
                let reason = Event(line: line) == nil ? "it is no event" : "it has no chain"
                unreadable = unreadable ?? LogFault(.unreadable, line: number, offset: offset, detail: reason)
                skipped.lines += 1
                skipped.bytes += line.count + 1
                // Somebody's whole line is not what a crash leaves.
                if Event(line: line) != nil { reading.fault = reading.fault ?? unreadable }
                return
            }
            if let fault = unreadable {
                reading.fault = reading.fault ?? fault
            } else if reading.fault == nil, reading.mark.link.next(members: members) != link {
                reading.fault = LogFault(
                    .edited, line: number, offset: offset, detail: "it does not follow from the line before it")
            }
            unreadable = nil
            skipped = (0, 0)
            reading.mark = LogMark(bytes: offset + line.count + 1, lines: number, link: link, elapsed: event.elapsed)
            compare()
            if let checkpoint, reading.agreesWithCheckpoint == nil, reading.mark.bytes > checkpoint.bytes {
                reading.agreesWithCheckpoint = false
            }
            take(event)
        }
        reading.tornBytes = max(0, end - reading.mark.bytes)
        return reading
    }
}

/// Cuts a file into lines without holding more of it than a line needs.
enum LineReader {
    /// Calls `body` for each line that a newline ends, without it, and its offset. Returns where reading stopped: the
    /// file's size then.
    static func forEach(
        _ path: String, from start: Int, _ body: (_ line: ArraySlice<UInt8>, _ offset: Int) throws -> Void
    ) throws -> Int {
        let file = try OpenFile(path: path, flags: O_RDONLY)
        var pending: [UInt8] = []
        var base = start
        var chunk = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = pread(file.descriptor, &chunk, chunk.count, off_t(base + pending.count))
            if count < 0 {
                if errno == EINTR { continue }
                throw Files.failure("read", path)
            }
            if count == 0 { return base + pending.count }
            let old = pending.count
            pending.append(contentsOf: chunk[..<count])
            var lineStart = 0
            var search = old
            while let newline = newline(in: pending, from: search) {
                try body(pending[lineStart..<newline], base + lineStart)
                lineStart = newline + 1
                search = lineStart
            }
            pending.removeFirst(lineStart)
            base += lineStart
        }
    }

    private static func newline(in bytes: [UInt8], from start: Int) -> Int? {
        bytes.withUnsafeBytes { buffer in
            guard start < buffer.count, let base = buffer.baseAddress,
                let found = memchr(base + start, 0x0A, buffer.count - start)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }
}
