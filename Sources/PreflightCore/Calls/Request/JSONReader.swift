/// Steps over JSON (RFC 8259) in memory that outlives it, and refuses whatever two parsers could read differently.
///
/// It is stricter than `JSON.parse` in one thing: bytes that are no UTF-8 are refused, since some parsers replace
/// them, some drop them and some decode them into other characters.
struct JSONReader {
    static let maximumDepth = JSON.maximumDepth

    let base: UnsafeRawPointer
    let end: Int
    var index: Int

    /// Nil when there is not one byte.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let address = bytes.baseAddress, !bytes.isEmpty else { return nil }
        base = address
        end = bytes.count
        index = 0
    }

    /// The byte at the index; 0, which is no JSON, at the end.
    @inline(__always)
    var byte: UInt8 { index < end ? self[index] : 0 }

    @inline(__always)
    subscript(_ offset: Int) -> UInt8 { base.load(fromByteOffset: offset, as: UInt8.self) }

    func fail(_ reason: StaticString) -> JSONScan.Failure {
        JSONScan.Failure(reason: index < end ? "\(reason)" : "unexpected end", offset: index)
    }

    @inline(__always)
    mutating func skipBlanks() {
        while index < end {
            switch self[index] {
            case 0x20, 0x0A, 0x0D, 0x09: index += 1
            default: return
            }
        }
    }

    /// Steps over a value of any kind; the index must stand on its first byte.
    ///
    /// - Parameter depth: how many containers the value is in.
    mutating func skipValue(depth: Int) throws(JSONScan.Failure) {
        // One bit for every open container, the innermost lowest: 1 is an object.
        var isObject: UInt128 = 0
        var open = 0
        while true {
            guard depth + open < Self.maximumDepth else { throw fail("nested too deeply") }
            switch byte {
            case UInt8(ascii: "\""): _ = try string()
            case UInt8(ascii: "{"):
                index += 1
                skipBlanks()
                if byte == UInt8(ascii: "}") {
                    index += 1
                } else {
                    isObject = isObject << 1 | 1
                    open += 1
                    _ = try key()
                    continue
                }
            case UInt8(ascii: "["):
                index += 1
                skipBlanks()
                if byte == UInt8(ascii: "]") {
                    index += 1
                } else {
                    isObject <<= 1
                    open += 1
                    continue
                }
            default: try scalar()
            }
            // After a value: close containers until one goes on.
            while open > 0 {
                skipBlanks()
                let inObject = isObject & 1 == 1
                if byte == UInt8(ascii: ",") {
                    index += 1
                    skipBlanks()
                    if inObject { _ = try key() }
                    break
                }
                guard byte == (inObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    throw fail("expected ',' or the closing bracket")
                }
                index += 1
                isObject >>= 1
                open -= 1
            }
            if open == 0 { return }
        }
    }

    /// Steps over a key, its colon and the blanks after it.
    @inline(__always)
    mutating func key() throws(JSONScan.Failure) -> JSONScan.Text {
        guard byte == UInt8(ascii: "\"") else { throw fail("expected a key") }
        let key = try string()
        skipBlanks()
        guard byte == UInt8(ascii: ":") else { throw fail("expected ':'") }
        index += 1
        skipBlanks()
        return key
    }

    /// Steps over a comma and the blanks after it (true), or the closing character (false).
    mutating func continues(until closing: UInt8) throws(JSONScan.Failure) -> Bool {
        skipBlanks()
        guard byte == closing || byte == UInt8(ascii: ",") else {
            throw fail("expected ',' or the closing bracket")
        }
        let goesOn = byte != closing
        index += 1
        if goesOn { skipBlanks() }
        return goesOn
    }

    /// Steps over an opening bracket and blanks; false, and over the closing one too, when nothing is between them.
    mutating func opens(closing: UInt8) -> Bool {
        index += 1
        skipBlanks()
        guard byte == closing else { return true }
        index += 1
        return false
    }
}
