package import PreflightCore

/// Numbers as people read them in a report.
package enum Figures {
    /// `1,234,567`.
    package static func count(_ value: Int) -> String {
        let digits = String(value.magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return value < 0 ? "-" + text : text
    }

    /// `1 trial`, `2 trials`.
    package static func counted(_ value: Int, _ noun: String, _ plural: String? = nil) -> String {
        "\(count(value)) \(value == 1 ? noun : plural ?? noun + "s")"
    }

    /// `12.5%`, without a zero behind the point; `-` where there is nothing to be a share of.
    package static func share(_ permille: Int?) -> String {
        guard let permille else { return "-" }
        return permille % 10 == 0 ? "\(permille / 10)%" : "\(permille / 10).\(permille % 10)%"
    }

    /// How much of a cap was spent, in thousandths: more than all of it where it was overrun. Nil without a cap.
    package static func permille(_ spent: USD, ofCap cap: USD) -> Int? {
        guard cap > .zero else { return nil }
        let whole = spent.count(of: cap) ?? 0
        // A cap a million times over is no matter of thousandths any more.
        guard whole < 1_000_000 else { return 1_000_000_000 }
        return whole * 1000 + (spent - cap * whole).permille(of: cap)
    }

    /// `2026-03-12 12:00 UTC`.
    package static func time(_ time: Timestamp) -> String {
        let text = time.iso8601Seconds
        return "\(text.prefix(10)) \(text.dropFirst(11).prefix(5)) UTC"
    }

    /// `820 ms`, `1.5s`, `4m22s`.
    package static func latency(_ duration: Duration?) -> String {
        guard let duration else { return "-" }
        return duration < .seconds(1) ? "\(duration.wholeMicroseconds / 1000) ms" : duration.shortText
    }

    /// Dollars for a million tokens, as price lists for people have it.
    package static func perMillion(_ price: USD?) -> String {
        guard let price else { return "-" }
        let million = price * 1_000_000
        return million.picodollars % (USD.picodollarsPerDollar / 100) == 0 ? million.fixed(2) : "\(million)"
    }
}

extension Outcome {
    /// Of the style sheet: how calmly it is shown.
    var style: String {
        switch self {
        case .completed: "well"
        case .ejected, .budgetExhausted: "warn"
        case .cancelled: "calm"
        case .agentFailed, .imageFailed, .dockerFailed, .providerFailed, .provisioningFailed, .harnessFailed, .lost:
            "bad"
        }
    }

    /// `budget exhausted`.
    package var words: String { rawValue.split(separator: "_").joined(separator: " ") }
}
