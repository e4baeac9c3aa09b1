import Foundation
package import PreflightCore

/// A trial's event log, open for more: every line is closed with a link of its chain.
///
/// An event is with the system when `flush` returns, and survives the end of this process then; it is on the disk when
/// `file` has been synchronized, and survives the end of the machine. Not safe for several threads: its owner guards it.
package struct EventLog: ~Copyable {
    private var lines: AppendFile
    private var scratch: [UInt8] = []
    /// After the last event, those in the buffer included.
    package private(set) var mark: LogMark
    /// What stood in it when it was opened; a new log begins with nothing.
    package let found: Found

    package struct Found: Sendable {
        /// The fold of all its events, judged as it was when they came.
        package var watch = PolicyWatch()
        /// How far it goes in the container's output.
        package var output = OutputPosition()
        /// The calls of the gateway that it tells of.
        package var calls = CallBook()
        /// When the trial began, and when the log was last written; nil for a new one.
        package var startedAt: Timestamp?
        package var lastAt: Timestamp?
        /// Bytes of a torn end that were moved to `events.torn`.
        package var tornBytes = 0

        package init(_ policies: PolicyList = PolicyList()) { watch = PolicyWatch(policies) }

        package var state: TrialState { watch.state }

        package mutating func take(_ event: Event) {
            _ = watch.take(event)
            output.apply(event)
            calls.apply(event)
            if startedAt == nil { startedAt = event.timestamp + (.zero - event.elapsed) }
            lastAt = event.timestamp
        }
    }

    /// Makes a trial's log, or opens it to go on where it ends. A torn end is moved aside first.
    ///
    /// - Parameter policies: by which it was, and will be, judged.
    /// - Throws: `PreflightError` when it is not what was written: nothing is appended to a damaged record.
    package init(_ directory: TrialDirectory, policies: PolicyList = PolicyList()) throws {
        let isNew = !Files.exists(directory.eventsPath)
        let (mark, found) =
            isNew
            ? (LogMark(link: directory.firstLink), Found(policies)) : try Self.read(directory, policies)
        let lines = try AppendFile(path: directory.eventsPath)
        if isNew { try Files.synchronizeDirectory(of: directory.eventsPath) }
        self.mark = mark
        self.found = found
        self.lines = lines
    }

    private static func read(
        _ directory: TrialDirectory, _ policies: PolicyList
    ) throws -> (LogMark, Found) {
        var found = Found(policies)
        let reading = try EventLogReader(directory).read { found.take($0) }
        if let fault = reading.fault {
            throw PreflightError(
                .failed, "\(directory.eventsPath) is damaged, so nothing is added to it: \(fault.text)",
                hint: "`preflight verify \(directory.run)` says more")
        }
        if reading.tornBytes > 0 { try moveAside(reading, directory) }
        found.tornBytes = reading.tornBytes
        return (reading.mark, found)
    }

    /// The torn end is on the disk in its own file before it leaves this one: a crash between keeps it twice.
    private static func moveAside(_ reading: EventLogReader.Reading, _ directory: TrialDirectory) throws {
        let log = try OpenFile(path: directory.eventsPath, flags: O_RDWR)
        var bytes = [UInt8](repeating: 0, count: reading.tornBytes)
        let count = pread(log.descriptor, &bytes, bytes.count, off_t(reading.mark.bytes))
        guard count == bytes.count else { throw Files.failure("read", directory.eventsPath) }
        var torn = try AppendFile(path: directory.tornPath)
        torn.append(bytes)
        try torn.synchronize()
        try Files.synchronizeDirectory(of: directory.tornPath)
        guard ftruncate(log.descriptor, off_t(reading.mark.bytes)) == 0 else {
            throw Files.failure("repair", directory.eventsPath)
        }
        try log.synchronize()
    }

    /// Bytes in the file and the buffer.
    package var size: Int { lines.size }
    /// For synchronizing without the owner's lock, after a flush.
    package var file: OpenFile { lines.file }

    package mutating func append(_ event: Event) {
        // The line as it is hashed, behind the link before it.
        scratch.removeAll(keepingCapacity: true)
        mark.link.write(into: &scratch)
        event.writeMembers(into: &scratch)
        scratch.append(UInt8(ascii: "}"))
        let link = scratch.withUnsafeBytes { ChainLink(hashing: $0) }
        scratch.removeLast()
        link.writeMember(into: &scratch)
        scratch.append(UInt8(ascii: "\n"))
        lines.append(scratch[ChainLink.digits...])
        mark = LogMark(bytes: lines.size, lines: mark.lines + 1, link: link, elapsed: event.elapsed)
    }

    /// Hands the buffer to the system.
    package mutating func flush() throws { try lines.flush() }
}
