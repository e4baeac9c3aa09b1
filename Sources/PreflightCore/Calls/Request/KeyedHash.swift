/// A fast hash of bytes under secrets of this process: nobody outside can make two texts look alike. It is no use in
/// another process.
///
/// Sixteen bytes at a time are multiplied to twice their width and folded, as wyhash does.
enum KeyedHash {
    private static let secrets: (UInt64, UInt64) = (secret(), secret())

    private static func secret() -> UInt64 { UInt64.random(in: .min ... .max) | 1 }

    static func of(_ bytes: UnsafeRawBufferPointer, after earlier: UInt64 = 0) -> UInt64 {
        let (first, second) = secrets
        var hash = fold(earlier ^ first, UInt64(truncatingIfNeeded: bytes.count) ^ second)
        var index = 0
        while index &+ 16 <= bytes.count {
            let low = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let high = bytes.loadUnaligned(fromByteOffset: index &+ 8, as: UInt64.self)
            hash = fold(low ^ first, high ^ hash)
            index &+= 16
        }
        // The length went in at the beginning, so zeros behind the last bytes are told from bytes.
        let rest = bytes.count &- index
        if rest > 8 {
            let low = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            return fold(low ^ first, bytes.head(from: index &+ 8, count: rest &- 8) ^ hash)
        }
        return fold(first ^ (rest > 0 ? bytes.head(from: index, count: rest) : 0), hash ^ second)
    }

    /// One hash out of two, in this order.
    static func combine(_ a: UInt64, _ b: UInt64) -> UInt64 { fold(fold(a ^ secrets.0, secrets.1), b ^ secrets.0) }

    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}

extension UnsafeRawBufferPointer {
    /// Up to eight bytes as a number, the first one lowest, zeros behind them.
    @inline(__always)
    func head(from start: Int, count length: Int) -> UInt64 {
        if start &+ 8 <= count {
            let word = UInt64(littleEndian: loadUnaligned(fromByteOffset: start, as: UInt64.self))
            return length >= 8 ? word : word & ~(.max &<< UInt64(truncatingIfNeeded: length &* 8))
        }
        var word: UInt64 = 0
        for offset in 0..<Swift.min(8, length) { word |= UInt64(self[start &+ offset]) &<< UInt64(offset &* 8) }
        return word
    }
}
