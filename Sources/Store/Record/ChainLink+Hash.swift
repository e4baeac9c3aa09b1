import Crypto
package import PreflightCore

extension ChainLink {
    /// What a trial's log begins with.
    package init(run: String, trial: String) {
        var hasher = SHA256()
        Array("preflight \(run)/\(trial)".utf8).withUnsafeBytes { hasher.update(bufferPointer: $0) }
        self.init(hasher)
    }

    /// The link of a line that follows this one's.
    ///
    /// - Parameters:
    ///   - members: the line's bytes up to its last member, without `chain` and without the closing brace.
    package func next(members: UnsafeRawBufferPointer) -> ChainLink {
        // One piece is hashed much faster than three.
        withUnsafeTemporaryAllocation(byteCount: Self.digits + members.count + 1, alignment: 8) { line in
            for place in 0..<Self.digits {
                let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * place)) & 0xF
                line[place] = digit < 10 ? digit + 48 : digit + 87
            }
            UnsafeMutableRawBufferPointer(rebasing: line[Self.digits...]).copyMemory(from: members)
            line[Self.digits + members.count] = UInt8(ascii: "}")
            return ChainLink(hashing: UnsafeRawBufferPointer(line))
        }
    }

    /// The link of a line.
    ///
    /// - Parameter line: the link before it, as its digits, and the line as it is hashed.
    init(hashing line: UnsafeRawBufferPointer) {
        var hasher = SHA256()
        hasher.update(bufferPointer: line)
        self.init(hasher)
    }

    package func next(members: ArraySlice<UInt8>) -> ChainLink {
        members.withUnsafeBytes { next(members: $0) }
    }

    private init(_ hasher: SHA256) {
        let digest = hasher.finalize()
        self.init(value: digest.withUnsafeBytes { UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)) })
    }
}
