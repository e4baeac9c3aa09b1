import Crypto
import Foundation

/// The text of virtual keys: 256 random bits, of which only a digest is ever kept.
package enum KeyText {
    package static let prefix = "sk-pf-"

    package static func random() -> String {
        let bits = SymmetricKey(size: .bits256)
        return prefix + bits.withUnsafeBytes { bytes in bytes.map { hexPair($0) }.joined() }
    }

    /// `sk-pf-1a2b...c3d4`: enough to tell keys apart, and of no use to anybody.
    package static func label(of text: String) -> String {
        text.count > 20 ? "\(text.prefix(prefix.count + 4))...\(text.suffix(4))" : "****"
    }
}

/// SHA-256 of a key's text. With 256 random bits in it, no salt and no slow hash are needed.
package struct KeyDigest: Hashable, Sendable {
    package let hex: String

    package init(hex: String) { self.hex = hex }

    package init(of text: some Sequence<UInt8>) {
        var hasher = SHA256()
        hasher.update(data: Array(text))
        hex = hasher.finalize().map { hexPair($0) }.joined()
    }

    package init(of text: String) { self.init(of: text.utf8) }
}

private func hexPair(_ byte: UInt8) -> String {
    let text = String(byte, radix: 16)
    return byte < 16 ? "0" + text : text
}
