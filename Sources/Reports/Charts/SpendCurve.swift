package import PreflightCore

/// Spend over time of one attempt at a trial, as steps upwards, kept to a bounded number of points.
package struct SpendCurve: Sendable, Equatable {
    package struct Point: Sendable, Equatable {
        /// Since the trial began.
        package var at: Duration
        package var spend: USD

        package init(at: Duration, spend: USD) {
            self.at = at
            self.spend = spend
        }
    }

    package private(set) var points: [Point] = []
    /// What was spent before the cap was raised, and what it is now.
    package private(set) var caps: [Point] = []
    /// How far the log goes.
    package private(set) var end = Duration.zero

    private let limit: Int
    /// Points that lie within one step of this grid become one.
    private var grid = Duration.zero

    /// - Parameter limit: of points, 8 or more.
    package init(limit: Int = 240) { self.limit = max(8, limit) }

    /// Takes the spend after an event. While a trial runs it goes up only: figures that come late are no corrections.
    package mutating func take(_ spend: USD, at elapsed: Duration) {
        end = max(end, elapsed)
        guard spend > points.last?.spend ?? .zero else { return }
        let point = Point(at: elapsed, spend: spend)
        if let last = points.last, cell(last.at) == cell(elapsed), points.count > 1 {
            points[points.count - 1] = point
        } else {
            points.append(point)
        }
        while points.count > limit { thin() }
    }

    /// The last word: calls of unknown cost may have cost less than they counted.
    package mutating func settle(_ spend: USD, at elapsed: Duration) {
        end = max(end, elapsed)
        guard let last = points.last, spend < last.spend else { return take(spend, at: elapsed) }
        points.append(Point(at: max(last.at, elapsed), spend: spend))
    }

    package mutating func take(cap: USD, at elapsed: Duration) {
        guard cap != caps.last?.spend, caps.count < 64 else { return }
        caps.append(Point(at: elapsed, spend: cap))
    }

    package var spend: USD { points.last?.spend ?? .zero }
    /// The highest point.
    package var peak: USD { points.map(\.spend).max() ?? .zero }

    /// The same with fewer points.
    package func thinned(to limit: Int) -> SpendCurve {
        var curve = SpendCurve(limit: limit)
        for point in points { curve.take(point.spend, at: point.at) }
        if let last = points.last { curve.settle(last.spend, at: last.at) }
        curve.caps = caps
        curve.end = end
        return curve
    }

    private func cell(_ time: Duration) -> Int64 {
        grid > .zero ? time.wholeMicroseconds / grid.wholeMicroseconds : time.wholeMicroseconds
    }

    /// A grid twice as wide: of the points of a cell the last one stays, and the first point of all.
    private mutating func thin() {
        let range = (points.last?.at ?? .zero) - (points.first?.at ?? .zero)
        grid = max(grid * 2, range / limit, .microseconds(1))
        var kept: [Point] = []
        for point in points {
            if kept.count > 1, let last = kept.last, cell(last.at) == cell(point.at) {
                kept[kept.count - 1] = point
            } else {
                kept.append(point)
            }
        }
        points = kept
    }
}
