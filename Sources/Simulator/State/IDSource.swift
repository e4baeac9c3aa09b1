/// Draws ids and keys; the same seed draws the same ones (SplitMix64).
struct IDSource: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)
    private static let alphanumerics = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    mutating func hex(_ count: Int) -> String { draw(count, from: Self.hexDigits) }

    mutating func letters(_ count: Int) -> String { draw(count, from: Self.alphanumerics) }

    /// 0 up to but not including `bound`, which has to be positive.
    mutating func number(below bound: Int) -> Int { Int(next() % UInt64(bound)) }

    private mutating func draw(_ count: Int, from alphabet: [UInt8]) -> String {
        var drawn: [UInt8] = []
        drawn.reserveCapacity(count)
        while drawn.count < count { drawn.append(alphabet[Int(next() % UInt64(alphabet.count))]) }
        return String(decoding: drawn, as: UTF8.self)
    }
}
