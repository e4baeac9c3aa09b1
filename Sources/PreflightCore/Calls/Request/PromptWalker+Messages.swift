extension PromptWalker {
    /// The messages of a chat, or the input of a response.
    mutating func messages(at offset: Int) throws(JSONScan.Failure) {
        reader.index = offset
        sequences = max(sequences, 1)
        guard reader.byte == UInt8(ascii: "[") else { return try message() }
        try elements { (walker) throws(JSONScan.Failure) in try walker.message() }
    }

    private mutating func message() throws(JSONScan.Failure) {
        counts.messages += 1
        meter.add(Self.perMessage)
        hash.begin(at: reader.index)
        try content()
        hash.end(at: reader.index, of: bytes)
        mark()
    }

    /// A text, a block, or a list of them.
    mutating func content() throws(JSONScan.Failure) {
        switch reader.byte {
        case UInt8(ascii: "["):
            try elements { (walker) throws(JSONScan.Failure) in
                walker.meter.add(Self.perPart)
                try walker.content()
            }
        case UInt8(ascii: "{"): try block()
        default: try text()
        }
    }

    private enum BlockKey {
        case structure, label, text, cacheControl, image, source, sound, video, file, fileData, fileID, fileURL, audio
    }

    private static let keys: NameTable<BlockKey> = NameTable([
        "content": .structure, "text": .structure, "output": .structure, "parts": .structure, "function": .structure,
        "tool_calls": .structure, "images": .structure, "summary": .structure, "reasoning_details": .structure,
        "role": .label, "type": .label, "status": .label, "detail": .label, "index": .label, "phase": .label,
        "format": .label, "media_type": .label,
        "name": .text, "id": .text, "call_id": .text, "tool_call_id": .text, "tool_use_id": .text, "arguments": .text,
        "reasoning": .text, "reasoning_content": .text, "thinking": .text, "signature": .text, "data": .text,
        "encrypted_content": .text, "refusal": .text, "filename": .text,
        "cache_control": .cacheControl, "prompt_cache_breakpoint": .cacheControl,
        "image_url": .image, "image": .image, "source": .source, "input_audio": .sound, "audio_url": .sound,
        "video_url": .video, "input_video": .video, "file": .file, "file_data": .fileData, "file_id": .fileID,
        "file_url": .fileURL, "audio": .audio,
    ])

    /// A message or a part of one. Keys that it knows are framing; others are counted with their values.
    private mutating func block() throws(JSONScan.Failure) {
        var source: Int?
        var isDocument = false
        try members { (walker, key) throws(JSONScan.Failure) in
            let start = walker.reader.index
            guard walker.reader.byte != UInt8(ascii: "n") else {
                // Clients send absent members of earlier answers as null.
                walker.meter.add(2)
                return try walker.reader.scalar()
            }
            switch walker.meaning(of: key) {
            case .structure: try walker.content()
            case .label:
                guard let label = try walker.label() else { break }
                if label.equals("document", in: walker.bytes) { isDocument = true }
                if label.equals("item_reference", in: walker.bytes) {
                    walker.openEnd(Extra(.state, "item_reference"))
                }
            case .text: try walker.text()
            case .cacheControl: try walker.cacheControl(key)
            case .image: try walker.image()
            case .source where walker.reader.byte == UInt8(ascii: "{"):
                // What is in it depends on the block's type, which may come later.
                if let earlier = source { try walker.again(earlier, isDocument: true) }
                source = start
                try walker.reader.skipValue(depth: 0)
            case .source: try walker.text()
            case .sound: try walker.sound()
            case .video:
                walker.openEnd(Extra(.input, "video"))
                try walker.reader.skipValue(depth: 0)
            case .file: try walker.content()
            case .fileData: try walker.fileData()
            case .fileID:
                walker.openEnd(Extra(.state, "file_id"))
                try walker.reader.skipValue(depth: 0)
            case .fileURL:
                walker.openEnd(Extra(.input, "file"))
                try walker.reader.skipValue(depth: 0)
            case .audio:
                walker.openEnd(Extra(.state, "audio"))
                try walker.reader.skipValue(depth: 0)
            case nil:
                walker.meter.add(4)
                walker.meter.count(walker.reader.base, from: key.range.lowerBound)
                try walker.wholeValue()
            }
        }
        if let source { try again(source, isDocument: isDocument) }
    }

    private func meaning(of key: JSONScan.Text) -> BlockKey? {
        if key.isEscaped { return Self.keys[key.string(in: bytes)] }
        return Self.keys[UnsafeRawBufferPointer(rebasing: bytes[key.range])]
    }

    private mutating func again(_ source: Int, isDocument: Bool) throws(JSONScan.Failure) {
        let end = reader.index
        reader.index = source
        try self.source(isDocument: isDocument)
        reader.index = end
    }

    /// A word of the protocol costs nothing beyond framing; a long text in its place is counted. Gives the word.
    private mutating func label() throws(JSONScan.Failure) -> JSONScan.Text? {
        guard reader.byte == UInt8(ascii: "\"") else {
            try wholeValue()
            return nil
        }
        let text = try reader.string()
        if text.range.count > 40 { meter.count(reader.base, from: text.range.lowerBound) }
        return text
    }

    /// A mark for a cache is no part of the prompt. It moves with the conversation, so it is no part of the prefix.
    mutating func cacheControl(_ key: JSONScan.Text) throws(JSONScan.Failure) {
        let start = reader.index
        let tokens = meter.tokens
        isMarkedForCache = true
        try wholeValue()
        if reader.index - start <= 128 { meter.add(tokens - meter.tokens) }
        hash.cut((key.range.lowerBound - 1)..<reader.index, of: bytes)
    }
}
