extension PromptWalker {
    /// The prompts of a completion or the inputs of an embedding: texts, lists of token numbers, or lists of those.
    mutating func prompts(at offset: Int) throws(JSONScan.Failure) {
        reader.index = offset
        guard reader.byte == UInt8(ascii: "[") else {
            sequences += 1
            return try text()
        }
        var numbers = false
        try elements { (walker) throws(JSONScan.Failure) in
            walker.meter.add(2)
            switch walker.reader.byte {
            case UInt8(ascii: "-"), 48...57:
                numbers = true
                try walker.reader.scalar()
            case UInt8(ascii: "["):
                walker.sequences += 1
                try walker.elements { (walker) throws(JSONScan.Failure) in
                    walker.meter.add(1)
                    try walker.content()
                }
            default:
                walker.sequences += 1
                try walker.content()
            }
        }
        if numbers { sequences += 1 }
    }
}
