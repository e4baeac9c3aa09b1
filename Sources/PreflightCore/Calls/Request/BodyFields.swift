/// The top-level members of one request, each ruled one there at most once.
struct BodyFields: Sendable {
    private(set) var scan: JSONScan
    /// Those that are there, and those of them that are not null.
    private(set) var written = BodyFieldSet()
    private(set) var given = BodyFieldSet()

    private static let names = BodyNames()

    /// Refuses what parsers read differently: a ruled key twice, one that differs from it only in case (some parsers
    /// ignore case), and one with a NUL (some end it there).
    init(_ scan: consuming JSONScan, in bytes: UnsafeRawBufferPointer) throws(CallRefusal) {
        for index in scan.members.indices {
            let role: JSONScan.Role
            switch Self.names.find(scan.members[index].key, in: bytes) {
            case .ruled(let field):
                guard !written.contains(field) else {
                    throw .ambiguousMember(field.name, offset: scan.members[index].key.range.lowerBound)
                }
                written.insert(field)
                if scan.members[index].kind != .null { given.insert(field) }
                role = JSONScan.Role(rawValue: field.rawValue)
            case .almostRuled(let field):
                throw .ambiguousMember(field.name, offset: scan.members[index].key.range.lowerBound)
            case .harmless: role = .harmless
            case .other: role = .other
            }
            scan.members[index].role = role
        }
        self.scan = scan
    }

    /// The member; nil when it is absent or null, which all servers take as absent.
    @inline(__always)
    subscript(field: BodyField) -> JSONScan.Member? { given.contains(field) ? member(field) : nil }

    /// The member, also when it is null.
    func written(_ field: BodyField) -> JSONScan.Member? { written.contains(field) ? member(field) : nil }

    private func member(_ field: BodyField) -> JSONScan.Member? {
        for member in scan.members where member.role.rawValue == field.rawValue { return member }
        return nil
    }
}

/// Some of the fields, in the order of their raw values.
struct BodyFieldSet: Sequence, Sendable {
    private var bits: UInt64

    init(_ fields: BodyField...) {
        bits = 0
        for field in fields { insert(field) }
    }

    private init(bits: UInt64) { self.bits = bits }

    var isEmpty: Bool { bits == 0 }

    @inline(__always)
    func contains(_ field: BodyField) -> Bool { contains(JSONScan.Role(rawValue: field.rawValue)) }

    @inline(__always)
    func contains(_ role: JSONScan.Role) -> Bool { bits >> UInt64(role.rawValue) & 1 == 1 }

    @inline(__always)
    mutating func insert(_ field: BodyField) { bits |= 1 << UInt64(field.rawValue) }

    func intersection(_ other: BodyFieldSet) -> BodyFieldSet { BodyFieldSet(bits: bits & other.bits) }
    func isDisjoint(with other: BodyFieldSet) -> Bool { bits & other.bits == 0 }

    /// The last of them that is in another set as well.
    func last(in other: BodyFieldSet) -> BodyField? {
        let both = bits & other.bits
        return both == 0 ? nil : BodyField(rawValue: UInt8(63 - both.leadingZeroBitCount))
    }

    func makeIterator() -> Iterator { Iterator(rest: bits) }

    struct Iterator: IteratorProtocol {
        fileprivate var rest: UInt64

        mutating func next() -> BodyField? {
            guard rest != 0 else { return nil }
            defer { rest &= rest - 1 }
            return BodyField(rawValue: UInt8(rest.trailingZeroBitCount))
        }
    }
}
