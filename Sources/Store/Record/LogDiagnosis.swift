package import PreflightCore

extension EventLogReader {
    /// What is wrong with a log, as closely as its chain tells; nil when it is whole.
    ///
    /// A line is found by its link wherever it was moved to. An edited line and a missing one look alike, unless the
    /// number of lines is known.
    ///
    /// - Parameters:
    ///   - mark: a mark that somebody took of this log.
    ///   - isFinal: whether it was taken at the log's end.
    package func diagnose(_ reading: Reading, mark: LogMark?, isFinal: Bool) throws -> LogFault? {
        guard var fault = reading.fault else { return mark.flatMap { end(of: reading, against: $0, isFinal) } }
        guard fault.kind == .edited else { return fault }
        if fault.line == 1, let owner = try owner() {
            fault.kind = .foreign
            fault.detail = "it is the log of \(owner)"
        } else if let place = try home(of: fault) {
            fault.kind = .reordered
            fault.detail = place == 0 ? "it is the log's first line" : "it belongs behind what is now line \(place)"
        } else if isFinal, let mark, mark.lines > reading.mark.lines {
            fault.kind = .missing
            fault.detail = "before it, \(Self.lines(mark.lines - reading.mark.lines)) of \(mark.lines) are not there"
        } else if !isFinal {
            fault.detail += ", or lines before it are missing"
        }
        return fault
    }

    /// A chain that is whole says nothing of what was cut off behind it.
    private func end(of reading: Reading, against mark: LogMark, _ isFinal: Bool) -> LogFault? {
        let here = reading.mark
        func fault(_ kind: LogFault.Kind, _ detail: String) -> LogFault {
            LogFault(kind, line: min(here.lines, mark.lines) + 1, offset: min(here.bytes, mark.bytes), detail: detail)
        }
        switch reading.agreesWithCheckpoint {
        case false?: return fault(.edited, "the whole log was written anew: its chain is not the one that was noted")
        case nil where here.bytes < mark.bytes:
            return fault(.missing, "the log ends here, \(Self.lines(mark.lines - here.lines)) early")
        case true? where isFinal && here.bytes > mark.bytes:
            return fault(.added, "\(Self.lines(here.lines - mark.lines)) stand behind the noted end")
        case true? where isFinal && reading.tornBytes > 0:
            return fault(.added, "\(reading.tornBytes) bytes stand behind the noted end")
        default: return nil
        }
    }

    private static func lines(_ count: Int) -> String { count == 1 ? "1 line" : "\(count) lines" }

    /// The line that the faulty one was written behind, if it is in the log; 0 for the log's beginning.
    private func home(of fault: LogFault) throws -> Int? {
        var number = 0
        var links: [ChainLink] = []
        var members: [UInt8] = []
        var stated: ChainLink?
        _ = try LineReader.forEach(path, from: 0) { line, offset in
            number += 1
            guard let parts = ChainLink.split(line) else { return links.append(ChainLink(value: 0)) }
            links.append(parts.link)
            if offset == fault.offset {
                members = Array(parts.members)
                stated = parts.link
            }
        }
        guard let stated else { return nil }
        if ChainLink(run: run, trial: name).next(members: members[...]) == stated { return 0 }
        return links.firstIndex { $0.next(members: members[...]) == stated }.map { $0 + 1 }
    }

    /// Whose log it is, by its first lines, where the chain agrees.
    private func owner() throws -> String? {
        var first: (members: [UInt8], link: ChainLink)?
        var names: [(run: String, trial: String)] = []
        var count = 0
        _ = try LineReader.forEach(path, from: 0) { line, _ in
            count += 1
            guard count <= 10 else { return }
            if count == 1 { first = ChainLink.split(line).map { (Array($0.members), $0.link) } }
            guard let event = Event(line: line), event.source == .harness else { return }
            if let alias = event.fields["alias"]?.string { names.append((run, alias)) }
            if let name = event.fields["name"]?.string.flatMap(Names.parseSubKey) { names.append(name) }
        }
        guard let first else { return nil }
        return names.first {
            ChainLink(run: $0.run, trial: $0.trial).next(members: first.members[...]) == first.link
        }.map { "\($0.run)/\($0.trial)" }
    }
}
