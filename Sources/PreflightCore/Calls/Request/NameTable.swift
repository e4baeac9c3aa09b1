/// Finds names in JSON text without making strings of them: an open hash table of at most 250 short names.
struct NameTable<Meaning: Sendable>: Sendable {
    /// Names of one hash lie side by side.
    private let slots: [Slot]

    private struct Slot: Sendable {
        var name = Name()
        var text: [UInt8] = []
        var meaning: Meaning?
    }

    /// A name's length and both ends of eight bytes, which is all of a name of up to sixteen.
    private struct Name: Equatable, Sendable {
        var count = 0
        var head: UInt64 = 0
        var tail: UInt64 = 0

        init() {}

        @inline(__always)
        init(_ bytes: UnsafeRawBufferPointer) {
            count = bytes.count
            head = bytes.head(from: 0, count: count)
            tail = count > 8 ? bytes.head(from: count &- 8, count: 8) : 0
        }

        @inline(__always)
        var hash: Int {
            let mixed =
                (head ^ (tail &<< 7 | tail &>> 57)) &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(truncatingIfNeeded: count)
            return Int(truncatingIfNeeded: (mixed &* 0xD6E8_FEB8_6659_FD93) &>> 55)
        }
    }

    private static var size: Int { 512 }
    private static var longest: Int { 40 }

    init(_ names: KeyValuePairs<String, Meaning>) {
        self.init(names.map { ($0.key, $0.value) })
    }

    init(_ names: [(String, Meaning)]) {
        var slots = [Slot](repeating: Slot(), count: Self.size)
        for (text, meaning) in names.prefix(250) {
            let bytes = Array(text.utf8)
            let name = bytes.withUnsafeBytes { Name($0) }
            var slot = name.hash
            while slots[slot].meaning != nil { slot = (slot + 1) % Self.size }
            slots[slot] = Slot(name: name, text: bytes, meaning: meaning)
        }
        self.slots = slots
    }

    subscript(name: UnsafeRawBufferPointer) -> Meaning? {
        guard name.count <= Self.longest else { return nil }
        let wanted = Name(name)
        return slots.withUnsafeBufferPointer { slots in
            var slot = wanted.hash
            while let meaning = slots[slot].meaning {
                if slots[slot].name == wanted, wanted.count <= 16 || slots[slot].text.elementsEqual(name) {
                    return meaning
                }
                slot = (slot &+ 1) & (Self.size &- 1)
            }
            return nil
        }
    }

    subscript(name: String) -> Meaning? {
        Array(name.utf8).withUnsafeBytes { self[$0] }
    }
}
