package import PreflightCore

/// Something that took time in a trial: a call of its model, or a tool.
package struct TraceSpan: Sendable, Equatable {
    /// Since the trial began.
    package var start: Duration
    package var end: Duration
    package var label: String
    package var cost: USD?
    /// It failed, or was refused.
    package var isFailure = false
    /// How many it stands for.
    package var count = 1
    /// Of the line in the event log that told its end.
    package var offset: Int
}

/// Spans of one kind in their order, never more than a bound: where there are more, neighbours become one.
package struct SpanTrack: Sendable {
    package private(set) var spans: [TraceSpan] = []
    /// How many it has taken.
    package private(set) var count = 0
    private let limit: Int

    package init(limit: Int = 600) { self.limit = max(2, limit) }

    package mutating func add(_ span: TraceSpan) {
        count += span.count
        spans.append(span)
        guard spans.count > limit else { return }
        // Halving keeps the whole time in view, and costs next to nothing for each span.
        spans = stride(from: 0, to: spans.count, by: 2).map { index in
            index + 1 < spans.count ? Self.joined(spans[index], spans[index + 1]) : spans[index]
        }
    }

    private static func joined(_ a: TraceSpan, _ b: TraceSpan) -> TraceSpan {
        TraceSpan(
            start: min(a.start, b.start), end: max(a.end, b.end), label: a.label == b.label ? a.label : "several",
            cost: a.cost.map { $0 + (b.cost ?? .zero) } ?? b.cost, isFailure: a.isFailure || b.isFailure,
            count: a.count + b.count, offset: a.offset)
    }
}
