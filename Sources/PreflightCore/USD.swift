/// An amount of US dollars, or a price per unit, in whole picodollars (1e-12 USD).
///
/// The range is ±$9,223,372. OpenRouter quotes prices as fine as $0.0000000075 a token, which is 7,500 of these
/// units, so sums of money never need a fraction. Text is converted digit by digit; no floating point is involved.
package struct USD: Hashable, Comparable, Sendable {
    package static let zero = USD(picodollars: 0)
    package static let max = USD(picodollars: .max)
    package static let picodollarsPerDollar: Int64 = 1_000_000_000_000

    package var picodollars: Int64

    package init(picodollars: Int64) { self.picodollars = picodollars }

    /// `USD(cents: 15)` is $0.15. Meant for constants; the caller keeps the amount in range.
    package init(cents: Int64) { picodollars = cents * (Self.picodollarsPerDollar / 100) }

    /// What to do with digits finer than a picodollar.
    package enum Rounding: Sendable {
        /// Towards positive infinity: for anything that may be owed.
        case up
        /// Towards negative infinity: for anything that may be spent.
        case down
    }

    /// Reads decimal text such as `0.15`, `-1`, `8.6e-05`. Returns nil for anything else, and outside the range.
    package init?(decimal text: some StringProtocol, rounding: Rounding = .up) {
        guard let value = DecimalText.scaled(text.utf8, by: 12, roundingUp: rounding == .up) else { return nil }
        picodollars = value
    }

    /// The same of text that lies in memory.
    init?(decimal bytes: UnsafeRawBufferPointer) {
        guard let value = DecimalText.scaled(bytes, by: 12, roundingUp: true) else { return nil }
        picodollars = value
    }

    package static func < (a: USD, b: USD) -> Bool { a.picodollars < b.picodollars }

    /// Sums saturate instead of trapping: at the end of the range a budget must refuse, not crash.
    package static func + (a: USD, b: USD) -> USD {
        let (sum, overflow) = a.picodollars.addingReportingOverflow(b.picodollars)
        return overflow ? USD(picodollars: a.picodollars > 0 ? .max : .min) : USD(picodollars: sum)
    }

    package static func - (a: USD, b: USD) -> USD {
        let (difference, overflow) = a.picodollars.subtractingReportingOverflow(b.picodollars)
        return overflow ? USD(picodollars: a.picodollars > 0 ? .max : .min) : USD(picodollars: difference)
    }

    /// Price times count, saturating.
    package static func * (a: USD, count: Int) -> USD {
        let (product, overflow) = a.picodollars.multipliedReportingOverflow(by: Int64(count))
        guard overflow else { return USD(picodollars: product) }
        return USD(picodollars: (a.picodollars > 0) == (count > 0) ? .max : .min)
    }

    package static func += (a: inout USD, b: USD) { a = a + b }
    package static func -= (a: inout USD, b: USD) { a = a - b }

    package var isNegative: Bool { picodollars < 0 }

    /// How many times `price` fits into this amount; nil when the price is not positive.
    package func count(of price: USD) -> Int? {
        price.picodollars > 0 ? Int(Swift.max(0, picodollars) / price.picodollars) : nil
    }

    /// The share of `whole` in parts per thousand, clamped to 0…1000; 0 when `whole` is not positive.
    package func permille(of whole: USD) -> Int {
        guard whole.picodollars > 0, picodollars > 0 else { return 0 }
        let wide = picodollars.multipliedFullWidth(by: 1000)
        // A quotient beyond Int64 means far more than the whole.
        guard wide.high < whole.picodollars else { return 1000 }
        return Int(Swift.min(1000, whole.picodollars.dividingFullWidth(wide).quotient))
    }

    /// This amount times `permille`/1000, rounded down.
    package func share(permille: Int) -> USD {
        let wide = picodollars.multipliedFullWidth(by: Int64(permille))
        guard wide.high < 500, wide.high >= -500 else { return picodollars > 0 ? .max : USD(picodollars: .min) }
        return USD(picodollars: Int64(1000).dividingFullWidth(wide).quotient)
    }
}

extension USD {
    /// Plain decimal text without a sign of currency, exact, e.g. `0.15`. What JSON and OpenRouter are given.
    package var decimalText: String { withDecimalText { String(decoding: $0, as: UTF8.self) } }

    /// Appends `decimalText`.
    package func writeDecimal(into out: inout [UInt8]) { withDecimalText { out.append(contentsOf: $0) } }

    /// The bytes of `decimalText`, at most 22: every call writes several amounts.
    package func withDecimalText<T>(_ body: (UnsafeRawBufferPointer) -> T) -> T {
        var (whole, fraction) = picodollars.magnitude.quotientAndRemainder(
            dividingBy: UInt64(Self.picodollarsPerDollar))
        var places = fraction == 0 ? 0 : 12
        while places > 0, fraction % 10 == 0 {
            fraction /= 10
            places -= 1
        }
        return withUnsafeTemporaryAllocation(byteCount: 24, alignment: 1) { bytes in
            var start = bytes.count
            func put(_ byte: UInt8) {
                start -= 1
                bytes[start] = byte
            }
            for _ in 0..<places {
                put(48 + UInt8(truncatingIfNeeded: fraction % 10))
                fraction /= 10
            }
            if places > 0 { put(UInt8(ascii: ".")) }
            repeat {
                put(48 + UInt8(truncatingIfNeeded: whole % 10))
                whole /= 10
            } while whole > 0
            if picodollars < 0 { put(UInt8(ascii: "-")) }
            return body(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        }
    }

    /// For people: `$12.34`, `$0.086`, and below a cent two significant digits, `$0.0012`. Rounded to nearest.
    package var description: String {
        let magnitude = picodollars.magnitude
        let sign = picodollars < 0 ? "-" : ""
        if magnitude == 0 { return "$0.00" }
        let unit = UInt64(Self.picodollarsPerDollar)
        if magnitude >= unit { return sign + "$" + Self.fixed(magnitude, places: 2) }
        if magnitude >= unit / 100 {
            let text = Self.fixed(magnitude, places: 3)
            return sign + "$" + (text.hasSuffix("0") ? String(text.dropLast()) : text)
        }
        var places = 4
        var bound = unit / 1000
        while magnitude < bound, places < 12 {
            places += 1
            bound /= 10
        }
        return sign + "$" + Self.fixed(magnitude, places: places)
    }

    /// With a fixed number of decimal places, 0…12, rounded to nearest: `fixed(3)` is `$0.086`.
    package func fixed(_ places: Int) -> String {
        (picodollars < 0 ? "-$" : "$") + Self.fixed(picodollars.magnitude, places: places)
    }

    private static func fixed(_ magnitude: UInt64, places: Int) -> String {
        var divisor: UInt64 = 1
        for _ in 0..<(12 - places) { divisor *= 10 }
        let rounded = (magnitude + divisor / 2) / divisor
        var scale: UInt64 = 1
        for _ in 0..<places { scale *= 10 }
        guard places > 0 else { return String(rounded) }
        let fraction = String(rounded % scale)
        return "\(rounded / scale).\(String(repeating: "0", count: places - fraction.count))\(fraction)"
    }
}

extension USD: CustomStringConvertible {}

/// Exact reading of decimal text into scaled integers.
package enum DecimalText {
    /// `text` × 10^`places` as an integer, rounded as asked; nil when it is no decimal number or does not fit.
    package static func scaled(_ text: some Collection<UInt8>, by places: Int, roundingUp: Bool) -> Int64? {
        plain(text, by: places) ?? any(text, by: places, roundingUp: roundingUp)
    }

    /// Nearly all text that is read is this plain: at most 18 digits, and none that would have to be rounded.
    private static func plain(_ text: some Collection<UInt8>, by places: Int) -> Int64? {
        var value: Int64 = 0
        var digits = 0
        var shift = places
        var hasPoint = false
        for byte in text {
            if byte &- 48 < 10 {
                value = value &* 10 &+ Int64(byte &- 48)
                digits &+= 1
                if hasPoint { shift &-= 1 }
            } else if byte == UInt8(ascii: "."), !hasPoint, digits > 0 {
                hasPoint = true
            } else {
                return nil
            }
            guard digits <= 18 else { return nil }
        }
        guard digits > 0, !hasPoint || shift < places, shift >= 0, digits &+ shift <= 18 else { return nil }
        for _ in 0..<shift { value &*= 10 }
        return value
    }

    private static func any(_ text: some Collection<UInt8>, by places: Int, roundingUp: Bool) -> Int64? {
        var negative = false
        var digits: [UInt8] = []
        var fractionDigits = 0
        var exponent = 0
        var exponentNegative = false
        var state = State.start

        for byte in text {
            switch (state, byte) {
            case (.start, UInt8(ascii: "-")):
                negative = true
                state = .signed
            case (.start, UInt8(ascii: "+")):
                state = .signed
            case (.start, 48...57), (.signed, 48...57), (.whole, 48...57):
                digits.append(byte - 48)
                state = .whole
            case (.whole, UInt8(ascii: ".")):
                state = .point
            case (.start, UInt8(ascii: ".")), (.signed, UInt8(ascii: ".")):
                state = .point
            case (.point, 48...57), (.fraction, 48...57):
                digits.append(byte - 48)
                fractionDigits += 1
                state = .fraction
            case (.whole, UInt8(ascii: "e")), (.whole, UInt8(ascii: "E")),
                (.fraction, UInt8(ascii: "e")), (.fraction, UInt8(ascii: "E")):
                state = .exponentStart
            case (.exponentStart, UInt8(ascii: "-")):
                exponentNegative = true
                state = .exponentSigned
            case (.exponentStart, UInt8(ascii: "+")):
                state = .exponentSigned
            case (.exponentStart, 48...57), (.exponentSigned, 48...57), (.exponent, 48...57):
                exponent = exponent * 10 + Int(byte - 48)
                guard exponent < 10_000 else { return nil }
                state = .exponent
            default:
                return nil
            }
            guard digits.count <= 400 else { return nil }
        }
        guard state == .whole || state == .fraction || state == .exponent else { return nil }

        let shift = places - fractionDigits + (exponentNegative ? -exponent : exponent)
        let significant = Array(digits.drop { $0 == 0 })
        if significant.isEmpty { return 0 }
        let kept = shift >= 0 ? significant.count : Swift.max(0, significant.count + shift)
        var magnitude: UInt64 = 0
        for digit in significant.prefix(kept) {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { return nil }
            magnitude = sum
        }
        if shift > 0 {
            guard shift < 20 else { return nil }
            for _ in 0..<shift {
                let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
                guard !overflow else { return nil }
                magnitude = product
            }
        }
        // Rounding up moves positive amounts away from zero, rounding down moves negative ones.
        let inexact = significant.dropFirst(kept).contains { $0 != 0 }
        guard magnitude < UInt64(Int64.max) || magnitude == UInt64(Int64.max) && !inexact else { return nil }
        if inexact, roundingUp != negative { magnitude += 1 }
        return negative ? -Int64(magnitude) : Int64(magnitude)
    }

    private enum State { case start, signed, whole, point, fraction, exponentStart, exponentSigned, exponent }
}
