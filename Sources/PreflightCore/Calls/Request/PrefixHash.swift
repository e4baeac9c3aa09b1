/// A running hash of messages, without their marks for caches.
///
/// It is keyed by the process, so nobody outside can make two conversations look alike. It is no use in another one.
struct PrefixHash {
    private var hasher = Hasher()
    private var hashedUpTo = 0
    private var isInMessage = false

    var value: UInt64 { UInt64(bitPattern: Int64(hasher.finalize())) }

    mutating func begin(at offset: Int) {
        hashedUpTo = offset
        isInMessage = true
    }

    mutating func end(at offset: Int, of bytes: UnsafeRawBufferPointer) {
        if hashedUpTo < offset { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes[hashedUpTo..<offset])) }
        isInMessage = false
        // Messages are told apart by more than their bytes: this one is no text that JSON could hold.
        hasher.combine(0 as UInt8)
    }

    /// Leaves a member out, and the comma before it.
    mutating func cut(_ member: Range<Int>, of bytes: UnsafeRawBufferPointer) {
        guard isInMessage else { return }
        var end = member.lowerBound
        while end > hashedUpTo, [0x20, 0x0A, 0x0D, 0x09, 0x2C].contains(bytes[end - 1]) { end -= 1 }
        if hashedUpTo < end { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes[hashedUpTo..<end])) }
        hashedUpTo = max(hashedUpTo, member.upperBound)
    }
}
