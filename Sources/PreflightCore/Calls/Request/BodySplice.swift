/// Replaces and adds members of a scanned body, byte for byte.
struct BodySplice {
    let bytes: UnsafeRawBufferPointer
    private let scan: JSONScan
    private var edits: [(range: Range<Int>, text: [UInt8])] = []
    /// New members of the top-level object.
    private var additions: [(key: String, value: JSON)] = []

    init(_ bytes: UnsafeRawBufferPointer, _ scan: JSONScan) {
        self.bytes = bytes
        self.scan = scan
    }

    mutating func replace(_ range: Range<Int>, _ value: JSON) { edits.append((range, value.bytes)) }

    /// Gives a top-level member this value, whether it is there or not.
    mutating func set(_ fields: BodyFields, _ field: BodyField, _ value: JSON) {
        if let member = fields.written(field) {
            replace(member.value, value)
        } else {
            additions.append((field.name, value))
        }
    }

    func nested(_ member: JSONScan.Member, _ field: BodyField) throws(CallRefusal) -> JSONScan {
        guard member.kind == .object else { throw .invalidMember(field.name, expected: "an object") }
        return try CallReading.unambiguous(at: member.value.lowerBound, name: field.name, in: bytes)
    }

    /// Gives members of a top-level object these values; `keeps` says whether one that is there stays.
    mutating func merge(
        _ fields: BodyFields, _ field: BodyField, _ members: [(key: String, value: JSON)],
        keeps: (_ theirs: JSON, _ ours: JSON) -> Bool?
    ) throws(CallRefusal) {
        guard let member = fields[field] else {
            return set(fields, field, .object(JSON.Object(members.map { .init(key: $0.key, value: $0.value) })))
        }
        try merge(members, into: try nested(member, field), name: field.name, keeps: keeps)
    }

    /// - Parameter keeps: nil when the value that is there cannot be judged.
    mutating func merge(
        _ members: [(key: String, value: JSON)], into scan: JSONScan, name: String,
        keeps: (_ theirs: JSON, _ ours: JSON) -> Bool?
    ) throws(CallRefusal) {
        var missing: [(key: String, value: JSON)] = []
        for (key, value) in members {
            guard let theirs = scan.members.first(where: { $0.key.string(in: bytes) == key }) else {
                missing.append((key, value))
                continue
            }
            if theirs.kind != .null {
                guard let stays = keeps(theirs.json(in: bytes) ?? .null, value) else {
                    throw .invalidMember("\(name).\(key)", expected: "a price")
                }
                if stays { continue }
            }
            replace(theirs.value, value)
        }
        append(missing, to: scan)
    }

    /// Adds members behind the last one of an object.
    mutating func append(_ members: [(key: String, value: JSON)], to scan: JSONScan) {
        guard !members.isEmpty else { return }
        var text: [UInt8] = []
        for (index, member) in members.enumerated() {
            if index > 0 || !scan.members.isEmpty { text.append(UInt8(ascii: ",")) }
            JSON.string(member.key).write(into: &text)
            text.append(UInt8(ascii: ":"))
            member.value.write(into: &text)
        }
        let place = scan.members.last?.value.upperBound ?? scan.object.upperBound - 1
        edits.append((place..<place, text))
    }

    mutating func result() -> [UInt8] {
        append(additions, to: scan)
        additions = []
        // Where an insertion stands at the end of a replaced value, it comes behind it.
        let sorted = edits.sorted {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        var out: [UInt8] = []
        out.reserveCapacity(sorted.reduce(bytes.count) { $0 + $1.text.count })
        var position = 0
        for edit in sorted {
            out.append(contentsOf: bytes[position..<edit.range.lowerBound])
            out.append(contentsOf: edit.text)
            position = edit.range.upperBound
        }
        out.append(contentsOf: bytes[position...])
        return out
    }
}
