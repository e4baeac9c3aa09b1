extension PromptWalker {
    /// An image: an address, a `data:` address, or an object with one of them as `url`.
    mutating func image() throws(JSONScan.Failure) {
        counts.images += 1
        guard reader.byte == UInt8(ascii: "{") else { return try address() }
        try members { (walker, key) throws(JSONScan.Failure) in
            if key.equals("url", in: walker.bytes) {
                try walker.address()
            } else if key.equals("file_id", in: walker.bytes) {
                walker.openEnd(Extra(.state, "file_id"))
                try walker.reader.skipValue(depth: 0)
            } else {
                try walker.wholeValue()
            }
        }
    }

    /// Data of an image is not counted; data of anything else counts as a file, and other text as text.
    private mutating func address() throws(JSONScan.Failure) {
        guard reader.byte == UInt8(ascii: "\"") else { return try wholeValue() }
        let text = try reader.string()
        if begins(text.range, with: "data:image/") { return }
        if begins(text.range, with: "data:") { return file(text.range) }
        hasRemoteImage = true
        if begins(text.range, with: "http") { return }
        meter.count(reader.base, from: text.range.lowerBound)
    }

    /// Anthropic's `source` of an image or document.
    mutating func source(isDocument: Bool) throws(JSONScan.Failure) {
        let scan = try JSONScan.nested(in: bytes, at: reader.index)
        func strings(_ key: StaticString) -> [String] {
            scan.members.filter { $0.key.equals(key, in: bytes) && $0.value.count <= 128 }
                .compactMap { $0.string(in: bytes) }
        }
        let types = strings("type")
        let isImage = !isDocument && strings("media_type").allSatisfy { $0.hasPrefix("image/") }
        if isImage { counts.images += 1 }
        if isImage, types != ["base64"] { hasRemoteImage = true }
        if types.contains("url"), !isImage { openEnd(Extra(.input, "file")) }
        for member in scan.members {
            reader.index = member.value.lowerBound
            if member.key.equals("data", in: bytes), member.kind == .string {
                if types == ["text"] {
                    try text()
                } else if !isImage {
                    file(member.value)
                }
            } else if member.key.equals("content", in: bytes) {
                try content()
            } else if member.key.equals("file_id", in: bytes) {
                openEnd(Extra(.state, "file_id"))
            }
        }
        reader.index = scan.object.upperBound
    }

    /// Sound: at least 16 bytes for a token, at the densest coding and the most tokens for a second that are known.
    mutating func sound() throws(JSONScan.Failure) {
        let start = reader.index
        try reader.skipValue(depth: 0)
        note(Extra(.input, "audio"))
        meter.add(64 + (reader.index - start) / 16)
        if reader.index - start < 512 { openEnd() }
    }

    /// A file's data; an address instead of it leaves its size open.
    mutating func fileData() throws(JSONScan.Failure) {
        let start = reader.index
        try reader.skipValue(depth: 0)
        let value = start..<reader.index
        let text = (start + 1)..<max(start + 1, reader.index - 1)
        if begins(text, with: "http") {
            openEnd(Extra(.input, "file"))
        } else {
            file(value)
        }
    }

    /// A file of these base64 characters: a page for every KiB, as text and as an image, and its bytes as text.
    private mutating func file(_ range: Range<Int>) {
        note(Extra(.input, "file"))
        let decoded = range.count / 4 * 3
        meter.add(decoded + 5_000 * (1 + decoded / 1_024))
    }

    private func begins(_ range: Range<Int>, with text: StaticString) -> Bool {
        range.count >= text.utf8CodeUnitCount
            && bytes[range].prefix(text.utf8CodeUnitCount).elementsEqual(UnsafeBufferPointer(of: text))
    }
}
