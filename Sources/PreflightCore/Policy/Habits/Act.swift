/// Something that an agent did, as far as it matters whether it did the same before: a call of a tool with its arguments,
/// or an answer.
package struct Act: Hashable, Sendable {
    /// Of all that it says, spaces aside.
    var hash: UInt64
    var sketch: ActSketch

    /// How alike two are, in parts per thousand; 1000 only where they are the same.
    func likeness(to other: Act) -> Int {
        hash == other.hash ? 1000 : min(999, sketch.likeness(to: other.sketch))
    }

    func isLike(_ other: Act, permille: Int) -> Bool {
        hash == other.hash || (permille < 1000 && sketch.likeness(to: other.sketch) >= permille)
    }
}

/// What two texts have in common, told from 64 numbers of each: the smallest hash of those runs of four bytes that fall
/// into each of 64 lanes.
///
/// The share of lanes that are the same is, but for some hundredths, the share of runs that two texts have in common.
package struct ActSketch: Hashable, Sendable {
    var lanes = SIMD64<UInt16>()

    /// Of longer texts the beginning counts.
    static let limit = 2048

    init() {}

    init(_ text: [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 64) { lanes in
            lanes.initialize(repeating: .max)
            text.withUnsafeBytes { bytes in
                var run: UInt32 = 0
                for (index, byte) in bytes.prefix(Self.limit).enumerated() {
                    run = run << 8 | UInt32(byte)
                    guard index >= 3 || index == bytes.count - 1 else { continue }
                    let hash = (run ^ run >> 15) &* 0x9E37_79B1
                    let lane = Int(hash >> 26)
                    let value = UInt16(truncatingIfNeeded: hash >> 8)
                    if value < lanes[lane] { lanes[lane] = value }
                }
            }
            for lane in 0..<64 { self.lanes[lane] = lanes[lane] }
        }
    }

    /// In parts per thousand, of the lanes that either has.
    func likeness(to other: ActSketch) -> Int {
        let empty = SIMD64<UInt16>(repeating: .max)
        let isEmpty = (lanes .== empty) .& (other.lanes .== empty)
        let isSame = lanes .== other.lanes
        let zero = SIMD64<UInt16>(repeating: 0)
        let one = SIMD64<UInt16>(repeating: 1)
        let both = Int(zero.replacing(with: one, where: isEmpty).wrappedSum())
        let same = Int(zero.replacing(with: one, where: isSame).wrappedSum())
        return both == 64 ? 0 : (same - both) * 1000 / (64 - both)
    }
}

/// Reads what an act says, spaces and, where that is asked for, the values of numbers aside.
struct ActReader {
    private var bytes: [UInt8] = []
    private var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    private var isAtStart = true
    private var hasSpace = false
    private let ignoresNumbers: Bool

    init(ignoresNumbers: Bool = false) {
        self.ignoresNumbers = ignoresNumbers
        bytes.reserveCapacity(256)
    }

    /// Ends a part.
    private static let separator: UInt8 = 0x1F

    private mutating func take(_ byte: UInt8) {
        if byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) {
            hasSpace = !isAtStart
            return
        }
        if hasSpace, byte != Self.separator { put(0x20) }
        hasSpace = false
        isAtStart = byte == Self.separator
        put(ignoresNumbers && byte >= 0x30 && byte <= 0x39 ? 0x30 : byte)
    }

    private mutating func put(_ byte: UInt8) {
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        if bytes.count < ActSketch.limit { bytes.append(byte) }
    }

    mutating func take(_ text: String) {
        var text = text
        text.withUTF8 { for byte in $0 { take(byte) } }
    }

    /// - Parameter depth: what lies deeper than some levels does not tell acts apart.
    mutating func take(_ json: JSON, depth: Int = 0) {
        guard depth < 16 else { return }
        switch json {
        case .null: take(0x30)
        case .bool(let value): take(value ? 0x74 : 0x66)
        case .number(let text), .string(let text): take(text)
        case .array(let values): for value in values { take(value, depth: depth + 1) }
        case .object(let object):
            for member in object.members {
                take(member.key)
                take(0x3A)
                take(member.value, depth: depth + 1)
            }
        }
        // What follows is no part of it.
        take(Self.separator)
    }

    var isEmpty: Bool { bytes.isEmpty }
    var act: Act { Act(hash: hash, sketch: ActSketch(bytes)) }
    var hashAlone: UInt64 { hash }
}
