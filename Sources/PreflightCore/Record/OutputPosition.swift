/// How far into a container's standard output an event log goes: a fold of its events.
///
/// Lines are counted, not bytes: every line of the output is one event, or one of those that `lines_not_kept` counts, and
/// an engine's own log changes bytes that are no UTF-8, but never a newline. So whoever reads the engine's log behind so
/// many newlines goes on exactly where the log ends, in the middle of a line that was cut too.
package struct OutputPosition: Hashable, Sendable {
    /// Of standard output, as far as the log knows them.
    package private(set) var lines = 0
    /// Bytes of those that are no events.
    package private(set) var rawBytes = 0
    package private(set) var firstAt: Timestamp?
    package private(set) var lastAt: Timestamp?
    /// Some of the output was lost: what follows cannot be counted from the beginning any more.
    package private(set) var hasGap = false

    package init() {}

    package mutating func apply(_ event: Event) {
        switch (event.source, event.type) {
        case (.agent, let type):
            lines += 1
            if type == "raw" { rawBytes += event.fields["line"]?.string?.utf8.count ?? 0 }
            firstAt = firstAt ?? event.timestamp
            lastAt = event.timestamp
        case (.harness, "lines_not_kept"): lines += event.fields["lines"]?.int ?? 0
        case (.harness, "output_gap"): hasGap = true
        default: break
        }
    }
}
