/// A running hash of messages, without their marks for caches.
struct PrefixHash {
    private(set) var value: UInt64 = 0
    private var hashedUpTo = 0
    private var isInMessage = false
    /// What stands before the last mark of this message, without its marks. Few messages have any.
    private var kept: [UInt8] = []
    private var hasCuts = false

    mutating func begin(at offset: Int) {
        hashedUpTo = offset
        isInMessage = true
    }

    /// Messages are told apart by more than their bytes: each is hashed with its length.
    mutating func end(at offset: Int, of bytes: UnsafeRawBufferPointer) {
        isInMessage = false
        let rest = UnsafeRawBufferPointer(rebasing: bytes[min(hashedUpTo, offset)..<offset])
        guard hasCuts else {
            value = KeyedHash.of(rest, after: value)
            return
        }
        kept += rest
        value = kept.withUnsafeBytes { KeyedHash.of($0, after: value) }
        kept.removeAll(keepingCapacity: true)
        hasCuts = false
    }

    /// Leaves a member out, and the comma before it.
    mutating func cut(_ member: Range<Int>, of bytes: UnsafeRawBufferPointer) {
        guard isInMessage else { return }
        var end = member.lowerBound
        while end > hashedUpTo, [0x20, 0x0A, 0x0D, 0x09, 0x2C].contains(bytes[end - 1]) { end -= 1 }
        if hashedUpTo < end { kept += bytes[hashedUpTo..<end] }
        hasCuts = true
        hashedUpTo = max(hashedUpTo, member.upperBound)
    }
}
