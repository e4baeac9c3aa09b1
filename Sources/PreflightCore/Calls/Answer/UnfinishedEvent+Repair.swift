extension UnfinishedEvent {
    /// How an event that a caller has got in part can be ended.
    enum Repair {
        /// These bytes, and another event may follow. The event means what it says.
        case ended([UInt8])
        /// The bytes say that the stream is over; nothing may follow.
        case done([UInt8])
        /// Behind these bytes the members of an object may follow, after a comma if asked for, then its bracket, the
        /// end of the line and of the event. What was cut before them is valid JSON and means nothing for sure.
        case open([UInt8], needsComma: Bool)
        /// It cannot be ended; only closing the connection is honest.
        case impossible
    }

    var repair: Repair {
        guard isKnown else { return .impossible }
        let field = Array("data:".utf8)
        if !line.isEmpty, line.count < field.count, field.starts(with: line) {
            let rest = Array(field.dropFirst(line.count)) + [0x20]
            return data == nil ? .open(rest + [UInt8(ascii: "{")], needsComma: false) : ending(data, after: rest)
        }
        if line.starts(with: field) {
            var value = line.dropFirst(field.count)
            if value.first == 0x20 { value = value.dropFirst() }
            return ending((data.map { $0 + [0x0A] } ?? []) + value, after: [])
        }
        // A comment or another field, or nothing: its line can end anywhere.
        let lineEnd: [UInt8] = line.isEmpty ? [] : [0x0A]
        // Without data the next event's lines just go on in this one, and its name replaces this one's.
        guard let data else { return .ended(lineEnd) }
        switch ending(data, after: []) {
        case .ended: return .ended(lineEnd + [0x0A])
        case .done where data.count >= Self.doneMark.count: return .done(lineEnd + [0x0A])
        default: return ending(data, after: lineEnd + field + [0x20])
        }
    }

    /// Ends the JSON of the data, of which the last line is open.
    private func ending(_ data: [UInt8]?, after prefix: [UInt8]) -> Repair {
        let data = data ?? []
        let mark = Self.doneMark
        if data.first == mark[0] {
            guard mark.starts(with: data) || data.starts(with: mark) else { return .impossible }
            return .done(prefix + mark.dropFirst(data.count) + [0x0A, 0x0A])
        }
        guard let completion = JSONCompletion(of: data) else { return .impossible }
        if completion.isWhole { return .ended(prefix + [0x0A, 0x0A]) }
        return .open(prefix + completion.bytes, needsComma: completion.needsComma)
    }

    /// What makes of it OpenAI's end mark, if it can be one.
    var restOfDoneMark: [UInt8]? {
        guard data == nil, isKnown, !line.isEmpty else { return nil }
        let marks = ["data: ", "data:"].map { Array($0.utf8) + Self.doneMark }
        return marks.first { $0.starts(with: line) }.map { $0.dropFirst(line.count) + [0x0A, 0x0A] }
    }

    private static let doneMark = Array("[DONE]".utf8)
}
