/// The part of an event that a caller has got, without its end.
package struct UnfinishedEvent: Hashable, Sendable {
    /// The complete data lines, joined by newlines; nil if there is none.
    package var data: [UInt8]?
    /// The line that was begun.
    package var line: [UInt8]
    /// False if the event was too large to be kept: then it cannot be ended.
    package var isKnown: Bool
}
