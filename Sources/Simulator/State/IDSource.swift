import PreflightCore

/// Draws ids and keys; the same seed draws the same ones.
struct IDSource: Sendable {
    private var source: SplitMix64

    init(seed: UInt64) { source = SplitMix64(seed: seed) }

    private static let hexDigits = Array("0123456789abcdef".utf8)
    private static let alphanumerics = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    mutating func hex(_ count: Int) -> String { draw(count, from: Self.hexDigits) }

    mutating func letters(_ count: Int) -> String { draw(count, from: Self.alphanumerics) }

    /// 0 up to but not including `bound`, which has to be positive.
    mutating func number(below bound: Int) -> Int { Int(source.next() % UInt64(bound)) }

    private mutating func draw(_ count: Int, from alphabet: [UInt8]) -> String {
        var drawn: [UInt8] = []
        drawn.reserveCapacity(count)
        while drawn.count < count { drawn.append(alphabet[Int(source.next() % UInt64(alphabet.count))]) }
        return String(decoding: drawn, as: UTF8.self)
    }
}
