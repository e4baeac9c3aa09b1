/// Finds names in JSON text without making strings of them: an open hash table of at most 250 short names.
struct NameTable<Meaning: Sendable>: Sendable {
    private let meanings: [Meaning]
    /// All names one behind the other; a name ends where the next one starts.
    private let text: [UInt8]
    private let starts: [Int]
    /// One more than a name's number; 0 is free. Names of one hash lie side by side.
    private let slots: [UInt8]

    private static var size: Int { 512 }
    private static var longest: Int { 40 }

    init(_ names: KeyValuePairs<String, Meaning>) {
        self.init(names.map { ($0.key, $0.value) })
    }

    init(_ names: [(String, Meaning)]) {
        var text: [UInt8] = []
        var starts = [0]
        var slots = [UInt8](repeating: 0, count: Self.size)
        for (number, name) in names.prefix(250).enumerated() {
            let bytes = Array(name.0.utf8)
            text += bytes
            starts.append(text.count)
            var slot = bytes.withUnsafeBytes { Self.hash($0) }
            while slots[slot] != 0 { slot = (slot + 1) % Self.size }
            slots[slot] = UInt8(number + 1)
        }
        self.text = text
        self.starts = starts
        self.slots = slots
        meanings = names.prefix(250).map(\.1)
    }

    private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
        var hash: UInt32 = 2_166_136_261
        for byte in bytes { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return Int((hash ^ hash >> 13) % UInt32(size))
    }

    subscript(name: UnsafeRawBufferPointer) -> Meaning? {
        guard name.count <= Self.longest else { return nil }
        var slot = Self.hash(name)
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            if isName(number, name) { return meanings[number] }
            slot = (slot + 1) % Self.size
        }
        return nil
    }

    private func isName(_ number: Int, _ name: UnsafeRawBufferPointer) -> Bool {
        let start = starts[number]
        guard starts[number + 1] - start == name.count else { return false }
        for offset in 0..<name.count where text[start + offset] != name[offset] { return false }
        return true
    }

    subscript(name: String) -> Meaning? {
        Array(name.utf8).withUnsafeBytes { self[$0] }
    }
}
