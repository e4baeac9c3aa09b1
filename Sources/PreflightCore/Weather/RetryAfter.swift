/// What a server asks with `Retry-After`: whole seconds, or a date (RFC 9110, 10.2.3).
package enum RetryAfter {
    /// How long to wait; nil where the text is neither, or is a date and nobody knows what time it is.
    ///
    /// - Parameter now: the server's own time where its answer tells it (`Date`), so that a wrong clock here does no harm.
    package static func delay(_ text: String, now: Timestamp?) -> Duration? {
        let text = text.trimmed
        if !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) {
            return Int64(text).flatMap { $0 < 1 << 40 ? .seconds($0) : nil }
        }
        guard let until = Timestamp(httpDate: text), let now else { return nil }
        return max(.zero, until - now)
    }
}

extension Timestamp {
    /// Reads a date as HTTP writes it, `Sun, 06 Nov 1994 08:49:37 GMT`, and in the two old forms that servers may still
    /// send: `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`. Nil for anything else.
    package init?(httpDate text: String) {
        let words = text.split { $0 == " " || $0 == "," || $0 == "-" }
        let isAsctime = words.count == 5 && !text.contains(",")
        guard isAsctime || words.count == 6 && words[5] == "GMT" else { return nil }
        let (day, month, year, time) =
            isAsctime ? (words[2], words[1], words[4], words[3]) : (words[1], words[2], words[3], words[4])
        guard let monthIndex = Self.months.firstIndex(of: month), let dayNumber = Int(day),
            (1...31).contains(dayNumber),
            var yearNumber = Int(year), time.utf8.count == 8
        else { return nil }
        // Two digits mean the century that is nearest.
        if year.utf8.count == 2 { yearNumber += yearNumber < 70 ? 2000 : 1900 }
        guard (1970...9999).contains(yearNumber) else { return nil }
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        self.init(iso8601: "\(yearNumber)-\(two(monthIndex + 1))-\(two(dayNumber))T\(time)Z")
    }

    private static let months: [Substring] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
