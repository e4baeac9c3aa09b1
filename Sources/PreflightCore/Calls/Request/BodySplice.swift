/// Replaces and adds members of a scanned body, byte for byte.
struct BodySplice {
    let bytes: UnsafeRawBufferPointer
    private let scan: JSONScan
    /// In the order of their places.
    private var edits: [Edit] = []
    /// All that is new, in the order in which it was asked for.
    private var text: [UInt8] = []
    private var hasAdditions = false

    private struct Edit {
        /// What it takes the place of; empty for an insertion.
        var place: Range<Int>
        var text: Range<Int>
    }

    init(_ bytes: UnsafeRawBufferPointer, _ scan: JSONScan) {
        self.bytes = bytes
        self.scan = scan
        edits.reserveCapacity(4)
        text.reserveCapacity(192)
    }

    mutating func replace(_ place: Range<Int>, _ write: (inout [UInt8]) -> Void) {
        let start = text.count
        write(&text)
        // An insertion at the end of a value that is replaced comes behind it, and behind those before it.
        let index = edits.lastIndex { $0.place.lowerBound <= place.lowerBound }.map { $0 + 1 } ?? 0
        edits.insert(Edit(place: place, text: start..<text.count), at: index)
    }

    /// Gives a top-level member this value, whether it is there or not.
    mutating func set(_ fields: BodyFields, _ field: BodyField, _ write: (inout [UInt8]) -> Void) {
        if let member = fields.written(field) { return replace(member.value, write) }
        append(to: scan, isFirst: scan.members.isEmpty && !hasAdditions) {
            JSON.string(field.name).write(into: &$0)
            $0.write(":")
            write(&$0)
        }
        hasAdditions = true
    }

    func nested(_ member: JSONScan.Member, _ field: BodyField) throws(CallRefusal) -> JSONScan {
        guard member.kind == .object else { throw .invalidMember(field.name, expected: "an object") }
        return try CallReading.unambiguous(at: member.value.lowerBound, name: field.name, in: bytes)
    }

    /// Gives members of an object these values; `keeps` says whether one that is there stays.
    ///
    /// - Parameter keeps: nil when the value that is there cannot be judged.
    mutating func merge(
        _ members: [(key: String, value: JSON)], into scan: JSONScan, name: String,
        keeps: (_ theirs: JSON, _ ours: JSON) -> Bool?
    ) throws(CallRefusal) {
        var isFirst = scan.members.isEmpty
        for (key, value) in members {
            try refuseOtherCase(of: key, in: scan, name: name)
            guard let theirs = scan.members.first(where: { $0.key.string(in: bytes) == key }) else {
                append(to: scan, isFirst: isFirst) {
                    JSON.string(key).write(into: &$0)
                    $0.write(":")
                    value.write(into: &$0)
                }
                isFirst = false
                continue
            }
            if theirs.kind != .null {
                guard let stays = keeps(theirs.json(in: bytes) ?? .null, value) else {
                    throw .invalidMember("\(name).\(key)", expected: "a price")
                }
                if stays { continue }
            }
            replace(theirs.value) { value.write(into: &$0) }
        }
    }

    /// Beside `Include_Usage` a member `include_usage` would be read by some servers and not by others.
    func refuseOtherCase(of key: String, in scan: JSONScan, name: String) throws(CallRefusal) {
        for member in scan.members {
            let theirs = member.key.string(in: bytes)
            if theirs != key, BodyNames.folded(theirs) == key {
                throw .ambiguousMember("\(name).\(key)", offset: member.key.range.lowerBound)
            }
        }
    }

    /// Adds a member behind the last one of an object.
    mutating func append(to scan: JSONScan, isFirst: Bool? = nil, _ write: (inout [UInt8]) -> Void) {
        let place = scan.members.last?.value.upperBound ?? scan.object.upperBound - 1
        replace(place..<place) {
            if !(isFirst ?? scan.members.isEmpty) { $0.write(",") }
            write(&$0)
        }
    }

    func result() -> [UInt8] {
        let replaced = edits.reduce(0) { $0 + $1.place.count }
        let count = bytes.count - replaced + text.count
        return [UInt8](unsafeUninitializedCapacity: count) { out, filled in
            var position = 0
            func take(_ source: UnsafeRawBufferPointer.SubSequence) {
                UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(out)[filled...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source))
                filled += source.count
            }
            text.withUnsafeBytes { text in
                for edit in edits {
                    take(bytes[position..<edit.place.lowerBound])
                    take(text[edit.text])
                    position = edit.place.upperBound
                }
            }
            take(bytes[position...])
        }
    }
}
