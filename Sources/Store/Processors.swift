import Foundation

/// The machine's processors, for work that is done side by side.
package enum Processors {
    /// At least 1.
    package static let count = max(1, ProcessInfo.processInfo.activeProcessorCount)
}
