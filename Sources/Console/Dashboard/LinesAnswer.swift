import PreflightCore
import Reports
import Store

/// Pages of a trial's event log and of its container's output.
enum LinesAnswer {
    enum File: String { case events, log }

    static func path(_ file: File, _ trial: TrialDirectory) -> String {
        file == .events ? trial.eventsPath : trial.logPath
    }

    static func json(_ page: LinePages.Page, _ file: File) -> JSON {
        [
            "lines": .array(page.lines.map { file == .events ? event($0) : text($0) }), "before": .int(page.before),
            "after": .int(page.after), "at_end": .bool(page.isAtEnd), "size": .int(page.size),
        ]
    }

    private static func text(_ line: LinePages.Line) -> JSON {
        ["offset": .int(line.offset), "text": .string(plain(line.bytes)), "cut": .bool(line.isCut)]
    }

    /// An event in one line; what is no event stands as it is.
    private static func event(_ line: LinePages.Line) -> JSON {
        guard let event = Event(line: line.bytes[...]) else { return text(line) }
        let words = event.fields.members.map { member -> String in
            let value = member.value.string ?? member.value.text
            return "\(member.key)=\(PlainText.cut(PlainText.oneLine(value), to: 160))"
        }
        return [
            "offset": .int(line.offset), "at": .string(event.timestamp.iso8601),
            "elapsed": .string(event.elapsed.shortText),
            "elapsed_s": .number(event.elapsed.decimalSeconds(places: 3)), "source": .string(event.source.rawValue),
            "type": .string(event.type), "text": .string(PlainText.cut(words.joined(separator: "  "), to: 600)),
        ]
    }

    private static func plain(_ bytes: [UInt8]) -> String {
        PlainText.oneLine(String(decoding: bytes, as: UTF8.self))
    }

    /// A line in full, for reading: an event's fields one below the other.
    static func whole(_ line: LinePages.Line, _ file: File) -> JSON {
        let text = String(decoding: line.bytes, as: UTF8.self)
        let pretty = file == .events ? (try? JSON.parse(line.bytes))?.prettyText : nil
        return ["offset": .int(line.offset), "text": .string(pretty ?? text), "cut": .bool(line.isCut)]
    }
}
