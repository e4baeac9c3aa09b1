extension PromptWalker {
    /// The tools: counts them as JSON, and notes their names and those that a server runs.
    mutating func tools(at offset: Int) throws(JSONScan.Failure) {
        reader.index = offset
        guard reader.byte == UInt8(ascii: "[") else { return try wholeValue() }
        try elements { (walker) throws(JSONScan.Failure) in try walker.tool() }
    }

    private mutating func tool() throws(JSONScan.Failure) {
        counts.tools += 1
        meter.add(Self.perTool)
        guard reader.byte == UInt8(ascii: "{") else { return try wholeValue() }
        try members { (walker, key) throws(JSONScan.Failure) in
            let start = walker.reader.index
            walker.meter.add(6)
            walker.meter.count(walker.reader.base, key.range)
            if key.equals("cache_control", in: walker.bytes) {
                try walker.cacheControl(key)
            } else if key.equals("function", in: walker.bytes), walker.reader.byte == UInt8(ascii: "{") {
                try walker.function()
            } else {
                try walker.wholeValue()
                if key.equals("type", in: walker.bytes) { walker.toolType(start..<walker.reader.index) }
                if key.equals("name", in: walker.bytes) { walker.toolName(start..<walker.reader.index) }
            }
        }
    }

    private mutating func function() throws(JSONScan.Failure) {
        try members { (walker, key) throws(JSONScan.Failure) in
            let start = walker.reader.index
            walker.meter.add(4)
            walker.meter.count(walker.reader.base, key.range)
            try walker.wholeValue()
            if key.equals("name", in: walker.bytes) { walker.toolName(start..<walker.reader.index) }
        }
    }

    private mutating func toolType(_ value: Range<Int>) {
        guard let type = (try? JSON.parse(Array(bytes[value])))?.string else {
            return note(Extra(.serverTool, "of no type"))
        }
        guard Extra.isRunByCaller(type) else { return note(Extra(.serverTool, type)) }
        // A tool that the server defines brings a description that is not in the request.
        if type != "function", type != "custom" { meter.add(1_024) }
    }

    private mutating func toolName(_ value: Range<Int>) {
        guard toolNames.count < 1_024, value.count <= 512, let name = (try? JSON.parse(Array(bytes[value])))?.string
        else { return }
        toolNames.append(name)
    }
}
