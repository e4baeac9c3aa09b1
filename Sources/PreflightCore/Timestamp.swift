/// An instant in UTC, in whole microseconds since 1970.
package struct Timestamp: Hashable, Comparable, Sendable {
    package var microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }
    package init(seconds: Int64) {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        microseconds = overflow ? (seconds > 0 ? .max : .min) : product
    }

    package static func < (a: Timestamp, b: Timestamp) -> Bool { a.microseconds < b.microseconds }

    package static func + (a: Timestamp, b: Duration) -> Timestamp {
        let (sum, overflow) = a.microseconds.addingReportingOverflow(b.wholeMicroseconds)
        return Timestamp(microseconds: overflow ? .max : sum)
    }

    package static func - (a: Timestamp, b: Timestamp) -> Duration {
        .microseconds(a.microseconds - b.microseconds)
    }

    package var secondsSince1970: Int64 {
        microseconds >= 0 ? microseconds / 1_000_000 : (microseconds - 999_999) / 1_000_000
    }
}

extension Timestamp {
    /// ISO 8601 with microseconds: `2026-03-12T12:00:00.000000Z`.
    package var iso8601: String {
        var out: [UInt8] = []
        writeISO8601(into: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// Appends the same.
    package func writeISO8601(into out: inout [UInt8]) {
        let seconds = Int(secondsSince1970)
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let ofDay = seconds - days * 86_400
        let date = Self.civil(days: days)
        let start = out.count
        out.append(contentsOf: "0000-00-00T00:00:00.000000Z".utf8)
        out.withUnsafeMutableBufferPointer { bytes in
            func put(_ value: Int, _ place: Int, _ width: Int) {
                var rest = value
                for index in stride(from: start + place + width - 1, through: start + place, by: -1) {
                    bytes[index] = 48 + UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                }
            }
            put(min(9999, Swift.max(0, date.year)), 0, 4)
            put(date.month, 5, 2)
            put(date.day, 8, 2)
            put(ofDay / 3600, 11, 2)
            put(ofDay / 60 % 60, 14, 2)
            put(ofDay % 60, 17, 2)
            put(fraction, 20, 6)
        }
    }

    /// ISO 8601 in whole seconds, as OpenRouter takes it: `2026-03-12T12:00:00Z`.
    package var iso8601Seconds: String { "\(dateText)T\(timeText(separator: ":"))Z" }

    /// `20260312-120000`, for names.
    package var compact: String {
        dateText.filter { $0 != "-" } + "-" + timeText(separator: "")
    }

    /// Reads ISO 8601 in UTC or with a numeric offset, with or without a fraction; nil for anything else.
    package init?(iso8601 text: String) {
        if let plain = Self.plain(text) {
            self = plain
        } else {
            self.init(anyISO8601: text)
        }
    }

    /// Nearly all text that is read is what `iso8601` writes.
    private static func plain(_ text: String) -> Timestamp? {
        var text = text
        return text.withUTF8 { bytes -> Timestamp? in
            guard bytes.count == 27, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
                bytes[10] == UInt8(ascii: "T"), bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
                bytes[19] == UInt8(ascii: "."), bytes[26] == UInt8(ascii: "Z")
            else { return nil }
            var isPlain = true
            func number(_ range: Range<Int>) -> Int {
                var value = 0
                for index in range {
                    let digit = bytes[index] &- 48
                    if digit > 9 { isPlain = false }
                    value = value * 10 + Int(digit)
                }
                return value
            }
            let (year, month, day) = (number(0..<4), number(5..<7), number(8..<10))
            let (hour, minute, second) = (number(11..<13), number(14..<16), number(17..<19))
            let micros = number(20..<26)
            guard isPlain, (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
            else { return nil }
            let seconds = days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second
            return Timestamp(microseconds: Int64(seconds) * 1_000_000 + Int64(micros))
        }
    }

    private init?(anyISO8601 text: String) {
        var rest = Substring(text)
        func take(_ count: Int, then separator: Character?) -> Int? {
            guard rest.count >= count, let value = Int(rest.prefix(count)), rest.first != "-", rest.first != "+"
            else { return nil }
            rest = rest.dropFirst(count)
            if let separator {
                guard rest.first == separator else { return nil }
                rest = rest.dropFirst()
            }
            return value
        }
        guard let year = take(4, then: "-"), let month = take(2, then: "-"), let day = take(2, then: nil),
            rest.first == "T" || rest.first == " "
        else { return nil }
        rest = rest.dropFirst()
        guard let hour = take(2, then: ":"), let minute = take(2, then: ":"), let second = take(2, then: nil),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        var micros = 0
        if rest.first == "." {
            let digits = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(1 + digits.count)
            guard let value = Int(digits.prefix(6)) else { return nil }
            micros = value
            for _ in digits.prefix(6).count..<6 { micros *= 10 }
        }
        var offset = 0
        if rest != "Z" && !rest.isEmpty {
            guard let sign = rest.first, sign == "+" || sign == "-" else { return nil }
            rest = rest.dropFirst()
            guard let hours = take(2, then: rest.count > 4 ? ":" : nil), let minutes = take(2, then: nil),
                rest.isEmpty
            else { return nil }
            offset = (hours * 60 + minutes) * 60 * (sign == "-" ? -1 : 1)
        }
        let days = Self.days(year: year, month: month, day: day)
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
        self.init(microseconds: Int64(seconds) * 1_000_000 + Int64(micros))
    }

    /// 1…31, in UTC.
    var dayOfMonth: Int { Self.civil(days: Int(day)).day }

    private var fraction: Int { Int(microseconds - secondsSince1970 * 1_000_000) }

    private var dateText: String {
        let seconds = Int(secondsSince1970)
        let date = Self.civil(days: seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400)
        return "\(Self.padded(date.year, 4))-\(Self.padded(date.month, 2))-\(Self.padded(date.day, 2))"
    }

    private func timeText(separator: String) -> String {
        let seconds = Int(secondsSince1970)
        let ofDay = ((seconds % 86_400) + 86_400) % 86_400
        return [ofDay / 3600, ofDay / 60 % 60, ofDay % 60].map { Self.padded($0, 2) }.joined(separator: separator)
    }

    private static func padded(_ value: Int, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: Swift.max(0, width - text.count)) + text
    }

    // Howard Hinnant's calendar algorithms, chrono-Compatible Low-Level Date Algorithms.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func civil(days: Int) -> (year: Int, month: Int, day: Int) {
        let z = days + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let m = (5 * dayOfYear + 2) / 153
        let month = m < 10 ? m + 3 : m - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * m + 2) / 5 + 1)
    }
}

extension Duration {
    package var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    package var wholeSeconds: Int { Int(components.seconds) }

    /// For people: `4m22s`, `1h03m`, `45s`, and below ten seconds one decimal, `1.5s`.
    package var shortText: String {
        let seconds = Swift.max(0, wholeSeconds)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        if seconds >= 3600 { return "\(seconds / 3600)h\(two(seconds / 60 % 60))m" }
        if seconds >= 60 { return "\(seconds / 60)m\(two(seconds % 60))s" }
        if seconds >= 10 { return "\(seconds)s" }
        return "\(decimalSeconds(places: 1))s"
    }

    /// Appends seconds with six places.
    package func writeMicroseconds(into out: inout [UInt8]) {
        let micros = Swift.max(0, wholeMicroseconds)
        out.append(contentsOf: String(micros / 1_000_000).utf8)
        var rest = micros % 1_000_000
        let start = out.count
        out.append(contentsOf: ".000000".utf8)
        for index in stride(from: start + 6, to: start, by: -1) {
            out[index] = 48 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    /// Seconds as decimal text, cut after `places` digits (0…6): what JSON gets.
    package func decimalSeconds(places: Int) -> String {
        let micros = Swift.max(0, wholeMicroseconds)
        var fraction = String(micros % 1_000_000)
        fraction = String(repeating: "0", count: 6 - fraction.count) + fraction
        return places == 0 ? "\(micros / 1_000_000)" : "\(micros / 1_000_000).\(fraction.prefix(places))"
    }

    /// Reads decimal seconds as written by `decimalSeconds`.
    package init?(decimalSeconds text: String) {
        guard let micros = DecimalText.scaled(text.utf8, by: 6, roundingUp: false) else { return nil }
        self = .microseconds(micros)
    }
}
