/// What closes a line of an event log: 64 bits that follow from the line and all lines before it.
///
/// The link of a line is the first 16 hexadecimal digits, lower case, of SHA-256 over the link before it, as its 16
/// digits, and the line's bytes without the member `chain`:
///
///     {"timestamp":…,"type":"snapshot","label":"a"}                              the line, as it is hashed
///     {"timestamp":…,"type":"snapshot","label":"a","chain":"5f0d2c41a7e09b36"}   as it is written
///
/// Before the first line stands the link of the text `preflight RUN/ALIAS`, hashed alone, so that one trial's log
/// cannot stand for another's. There is no secret in it: it finds accidents and careless edits, not a forger who
/// rewrites the whole record.
package struct ChainLink: Hashable, Sendable {
    package var value: UInt64

    package init(value: UInt64) { self.value = value }

    package static let digits = 16

    /// Reads 16 hexadecimal digits, lower case; nil for anything else.
    package init?(hex: some Collection<UInt8>) {
        guard hex.count == Self.digits else { return nil }
        var value: UInt64 = 0
        for byte in hex {
            switch byte {
            case 48...57: value = value << 4 | UInt64(byte - 48)
            case 97...102: value = value << 4 | UInt64(byte - 87)
            default: return nil
            }
        }
        self.value = value
    }

    package func write(into out: inout [UInt8]) {
        let start = out.count
        out.append(contentsOf: "0000000000000000".utf8)
        var rest = value
        for index in stride(from: start + Self.digits - 1, through: start, by: -1) {
            let digit = UInt8(truncatingIfNeeded: rest) & 0xF
            out[index] = digit < 10 ? digit + 48 : digit + 87
            rest >>= 4
        }
    }

    package var hex: String {
        var out: [UInt8] = []
        write(into: &out)
        return String(decoding: out, as: UTF8.self)
    }
}

extension ChainLink {
    private static let opening = Array(#","chain":""#.utf8)
    private static let closing = Array(#""}"#.utf8)
    /// Bytes that the member adds to a line.
    package static let memberLength = opening.count + digits + 1

    /// What follows an event's members in its line, without the newline.
    package func writeMember(into out: inout [UInt8]) {
        out.append(contentsOf: Self.opening)
        write(into: &out)
        out.append(contentsOf: Self.closing)
    }

    /// Takes a line, without its newline, apart: the bytes before the member `chain`, and its value. Nil when the line
    /// does not end with one.
    package static func split(_ line: ArraySlice<UInt8>) -> (members: ArraySlice<UInt8>, link: ChainLink)? {
        let members = line.dropLast(memberLength + 1)
        let rest = line[members.endIndex...]
        guard !members.isEmpty, rest.starts(with: opening), rest.suffix(closing.count).elementsEqual(closing),
            let link = ChainLink(hex: rest.dropFirst(opening.count).dropLast(closing.count))
        else { return nil }
        return (members, link)
    }
}
