import PreflightCore

/// Chance in tests: the same in every run.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var source: SplitMix64

    package init(seed: UInt64) { source = SplitMix64(seed: seed) }

    package mutating func next() -> UInt64 { source.next() }
}
