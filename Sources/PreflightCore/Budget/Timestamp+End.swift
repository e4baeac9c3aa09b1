extension Timestamp {
    /// An end as people write it: an instant in ISO 8601, or a time from `now`, such as `7d`.
    package init?(end text: String, after now: Timestamp) {
        if let instant = Timestamp(iso8601: text) {
            self = instant
        } else if let duration = Quantity.duration(text) {
            self = now + duration
        } else {
            return nil
        }
    }
}
