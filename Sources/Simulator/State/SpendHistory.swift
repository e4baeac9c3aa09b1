import PreflightCore

/// What one key, or the account, was charged and when, so that readings can lag behind.
struct SpendHistory: Sendable {
    private struct Entry: Sendable {
        var at: Timestamp
        var cost: USD
    }

    /// The window a spending cap counts in; all of them begin in UTC.
    enum Window: String, Sendable, CaseIterable {
        case lifetime, daily, weekly, monthly

        func start(at now: Timestamp) -> Timestamp? {
            let day = now.dayStart
            switch self {
            case .lifetime: return nil
            case .daily: return day
            case .weekly:
                // 1970-01-01 was a Thursday; weeks begin on Monday.
                let sinceMonday = (day.microseconds / Timestamp.microsecondsPerDay + 3) % 7
                return Timestamp(microseconds: day.microseconds - sinceMonday * Timestamp.microsecondsPerDay)
            case .monthly: return Timestamp(iso8601: day.iso8601Seconds.prefix(7) + "-01T00:00:00Z")
            }
        }
    }

    /// Older entries are merged by day: windows begin at midnight, so nothing is lost.
    private static let maximumEntries = 4096

    private(set) var total = USD.zero
    private var entries: [Entry] = []

    mutating func add(_ cost: USD, at now: Timestamp) {
        guard cost != .zero else { return }
        total += cost
        entries.append(Entry(at: now, cost: cost))
        if entries.count > Self.maximumEntries { mergeOlderHalf() }
    }

    /// What was spent within the window, in truth.
    func spent(in window: Window, at now: Timestamp) -> USD {
        guard let start = window.start(at: now) else { return total }
        return sum { $0.at >= start }
    }

    /// What a reader sees: charges up to `horizon`, with or without the newest of them.
    func seen(in window: Window, at now: Timestamp, horizon: Timestamp, stale: Bool) -> USD {
        let start = window.start(at: now)
        let newest = stale ? entries.lastIndex { $0.at <= horizon } : nil
        var sum = USD.zero
        for (index, entry) in entries.enumerated() where entry.at <= horizon && index != newest {
            if let start, entry.at < start { continue }
            sum += entry.cost
        }
        return sum
    }

    private func sum(where isCounted: (Entry) -> Bool) -> USD {
        entries.reduce(.zero) { isCounted($1) ? $0 + $1.cost : $0 }
    }

    private mutating func mergeOlderHalf() {
        let half = entries.count / 2
        var merged: [Entry] = []
        for entry in entries[..<half] {
            let day = entry.at.dayStart
            if merged.last?.at == day {
                merged[merged.count - 1].cost += entry.cost
            } else {
                merged.append(Entry(at: day, cost: entry.cost))
            }
        }
        entries.replaceSubrange(..<half, with: merged)
    }
}

extension Timestamp {
    static let microsecondsPerDay: Int64 = 86_400_000_000

    fileprivate var dayStart: Timestamp {
        let remainder = microseconds % Self.microsecondsPerDay
        return Timestamp(
            microseconds: microseconds - (remainder < 0 ? remainder + Self.microsecondsPerDay : remainder))
    }

    /// HHMM as a number, as price overrides by time of day have it.
    var utcTime: Int {
        let minutes = Int((microseconds - dayStart.microseconds) / 60_000_000)
        return minutes / 60 * 100 + minutes % 60
    }
}
