/// How far an event log goes. A summary keeps it, so that a log whose end was cut off is found out.
package struct LogMark: Hashable, Sendable {
    /// Of whole lines, from the file's beginning.
    package var bytes: Int
    package var lines: Int
    /// Of the last of them; before the first line the link that the log begins with.
    package var link: ChainLink
    /// Of the last event, since the trial began.
    package var elapsed: Duration

    package init(bytes: Int = 0, lines: Int = 0, link: ChainLink, elapsed: Duration = .zero) {
        self.bytes = bytes
        self.lines = lines
        self.link = link
        self.elapsed = elapsed
    }
}

extension LogMark {
    package var json: JSON {
        [
            "bytes": .int(bytes), "lines": .int(lines), "chain": .string(link.hex),
            "elapsed_s": .number(elapsed.decimalSeconds(places: 6)),
        ]
    }

    package init?(json: JSON) {
        guard let bytes = json["bytes"]?.int, let lines = json["lines"]?.int,
            let link = json["chain"]?.string.flatMap({ ChainLink(hex: $0.utf8) }), bytes >= 0, lines >= 0
        else { return nil }
        self.init(
            bytes: bytes, lines: lines, link: link,
            elapsed: json["elapsed_s"]?.numberText.flatMap(Duration.init(decimalSeconds:)) ?? .zero)
    }
}

/// Where an event log is not what was written, and how.
package struct LogFault: Hashable, Sendable {
    package enum Kind: String, Sendable {
        /// Not a line that Preflight writes, with others after it.
        case unreadable
        /// Its bytes, or those of the line before it, were changed.
        case edited
        /// Lines before it, or at the log's end, are not there.
        case missing
        /// It belongs to another place of this log.
        case reordered
        /// The log, or its beginning, is another trial's.
        case foreign
        /// Lines stand behind the end that the receipt knows.
        case added
    }

    package var kind: Kind
    /// From 1.
    package var line: Int
    /// Of the line's first byte in the file.
    package var offset: Int
    package var detail: String

    package init(_ kind: Kind, line: Int, offset: Int, detail: String) {
        self.kind = kind
        self.line = line
        self.offset = offset
        self.detail = detail
    }

    package var text: String { "line \(line) (byte \(offset)): \(kind.rawValue): \(detail)" }

    package var json: JSON {
        ["line": .int(line), "offset": .int(offset), "kind": .string(kind.rawValue), "detail": .string(detail)]
    }
}
