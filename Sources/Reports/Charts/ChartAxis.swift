package import PreflightCore

/// An axis of a chart: values from `bottom` to `top`, and where its ticks stand. Whole numbers throughout.
package struct ChartAxis: Sendable, Equatable {
    package struct Tick: Sendable, Equatable {
        package var value: Int64
        package var label: String
    }

    /// The value at the axis' beginning: zero, or less where values are.
    let bottom: Int64
    /// The value at the axis' end; more than `bottom`.
    package let top: Int64
    package let ticks: [Tick]

    /// Where a value lies on a line of `length`; values beyond the end lie at the end.
    package func place(_ value: Int64, on length: Int) -> Int {
        let value = min(max(bottom, value), top) - bottom
        return Int((top - bottom).dividingFullWidth(value.multipliedFullWidth(by: Int64(length))).quotient)
    }

    private init(reaching most: Int64, step: Int64, label: (Int64) -> String) {
        bottom = 0
        let steps = (most + step - 1) / step
        top = max(1, steps) * step
        ticks = (0...max(1, steps)).map { Tick(value: $0 * step, label: label($0 * step)) }
    }

    /// Dollars, in steps of 1, 2 or 5 of a power of ten.
    package static func money(reaching most: USD, ticks: Int = 5) -> ChartAxis {
        let most = min(max(1, most.picodollars), Int64.max / 4)
        let step = roundStep(most, ticks)
        var places = 12
        var unit: Int64 = 1
        while places > 0, step % (unit * 10) == 0 {
            unit *= 10
            places -= 1
        }
        if places == 1 { places = 2 }
        return ChartAxis(reaching: most, step: step) {
            $0 == 0 ? "$0" : USD(picodollars: $0).fixed(places)
        }
    }

    /// Time, in steps that clocks have. In microseconds.
    package static func time(reaching most: Duration, ticks: Int = 6) -> ChartAxis {
        let most = min(max(1, most.wholeMicroseconds), Int64.max / 4)
        let steps: [Int64] =
            [100_000, 200_000, 500_000]
            + [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400].map {
                $0 * 1_000_000
            }
        let step = steps.first { (most + $0 - 1) / $0 <= Int64(ticks) } ?? roundStep(most, ticks)
        // The axis ends where its data ends: a curve that stops short of the edge would look as if it had ended.
        return ChartAxis(
            top: most,
            ticks: stride(from: 0, through: most, by: Int(step)).map {
                Tick(value: $0, label: clock($0))
            })
    }

    /// Whole numbers, such as a score in thousandths.
    ///
    /// - Parameter least: where it is below zero, the axis begins there.
    package static func number(
        from least: Int64 = 0, reaching most: Int64, ticks: Int = 5, label: (Int64) -> String
    ) -> ChartAxis {
        let least = max(min(0, least), -Int64.max / 8)
        let most = min(max(least == 0 ? 1 : 0, most), Int64.max / 8)
        let step = roundStep(most - least, ticks)
        let (below, above) = ((step - 1 - least) / step, (most + step - 1) / step)
        return ChartAxis(
            bottom: -below * step, top: above * step,
            ticks: (-below...above).map { Tick(value: $0 * step, label: label($0 * step)) })
    }

    private init(bottom: Int64 = 0, top: Int64, ticks: [Tick]) {
        self.bottom = bottom
        self.top = top
        self.ticks = ticks
    }

    /// The smallest of 1, 2, 5, 10, … by which `most` is reached in so many steps.
    private static func roundStep(_ most: Int64, _ ticks: Int) -> Int64 {
        var unit: Int64 = 1
        while true {
            for factor in [1, 2, 5] as [Int64] where (most + unit * factor - 1) / (unit * factor) <= Int64(ticks) {
                return unit * factor
            }
            unit *= 10
        }
    }

    /// `0`, `30s`, `1m30s`, `2h`: without parts that are zero.
    static func clock(_ microseconds: Int64) -> String {
        if microseconds == 0 { return "0" }
        if microseconds % 1_000_000 != 0 {
            return "\(microseconds / 1_000_000).\(microseconds % 1_000_000 / 100_000)s"
        }
        let seconds = microseconds / 1_000_000
        let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")]
        return parts.filter { $0.0 > 0 }.map { "\($0.0)\($0.1)" }.joined()
    }
}
