/// Quantities as people write them in flags and experiment files.
package enum Quantity {
    /// `180s`, `5m`, `1h30m`, `500ms`, or plain seconds, `90`. Nil for anything else and for negative ones.
    package static func duration(_ text: String) -> Duration? {
        var rest = text.lowercased().filter { $0 != " " }[...]
        guard !rest.isEmpty else { return nil }
        if let seconds = DecimalText.scaled(rest.utf8, by: 6, roundingUp: true) {
            return seconds >= 0 ? .microseconds(seconds) : nil
        }
        var total: Int64 = 0
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let scale = durationUnits[String(unit)],
                let micros = DecimalText.scaled(number.utf8, by: 6, roundingUp: true)
            else { return nil }
            let (scaled, overflow) = micros.multipliedReportingOverflow(by: scale)
            let (sum, carry) = total.addingReportingOverflow(unit == "ms" ? micros / 1000 : scaled)
            guard !overflow, !carry else { return nil }
            total = sum
        }
        return .microseconds(total)
    }

    private static let durationUnits: [String: Int64] = [
        "ms": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400,
    ]

    /// `512m`, `2g`, `64k`, `1024`, as Docker reads sizes (powers of 1024). Nil for anything else.
    package static func bytes(_ text: String) -> Int? {
        var number = text.lowercased()[...]
        if number.hasSuffix("b") { number = number.dropLast() }
        if number.hasSuffix("i") { number = number.dropLast() }
        var shift = 0
        if let last = number.last, let power = ["k": 10, "m": 20, "g": 30, "t": 40][last] {
            shift = power
            number = number.dropLast()
        }
        guard let thousandths = DecimalText.scaled(number.utf8, by: 3, roundingUp: true), thousandths >= 0 else {
            return nil
        }
        let (scaled, overflow) = thousandths.multipliedReportingOverflow(by: 1 << shift)
        return overflow ? nil : Int(scaled / 1000)
    }

    /// `25%` or `0.25` as parts per thousand, 0…1000. Nil for anything else.
    package static func permille(_ text: String) -> Int? {
        let value: Int64?
        if text.hasSuffix("%") {
            value = DecimalText.scaled(text.dropLast().utf8, by: 1, roundingUp: true)
        } else {
            value = DecimalText.scaled(text.utf8, by: 3, roundingUp: true)
        }
        guard let value, (0...1000).contains(value) else { return nil }
        return Int(value)
    }

    /// Dollars with or without the sign: `0.25`, `$0.25`.
    package static func usd(_ text: String) -> USD? {
        USD(decimal: text.hasPrefix("$") ? text.dropFirst() : text[...])
    }

    /// `1.2 GB` for people.
    package static func bytesText(_ bytes: Int) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var scaled = min(bytes, Int.max / 10) * 10
        var unit = 0
        while scaled >= 10_000, unit < units.count - 1 {
            scaled /= 1000
            unit += 1
        }
        return scaled >= 1000 || unit == 0
            ? "\(scaled / 10) \(units[unit])" : "\(scaled / 10).\(scaled % 10) \(units[unit])"
    }
}
