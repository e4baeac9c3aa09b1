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
            walker.meter.count(walker.reader.base, from: key.range.lowerBound)
            if key.equals("cache_control", in: walker.bytes) {
                try walker.cacheControl(key)
            } else if key.equals("function", in: walker.bytes), walker.reader.byte == UInt8(ascii: "{") {
                try walker.function()
            } else {
                let kind = walker.reader.kind
                try walker.wholeValue()
                let value = JSONScan.Member(key: key, value: start..<walker.reader.index, kind: kind)
                if key.equals("type", in: walker.bytes) { walker.toolType(value) }
                if key.equals("name", in: walker.bytes) { walker.toolName(value) }
            }
        }
    }

    private mutating func function() throws(JSONScan.Failure) {
        try members { (walker, key) throws(JSONScan.Failure) in
            let start = walker.reader.index
            walker.meter.add(4)
            walker.meter.count(walker.reader.base, from: key.range.lowerBound)
            let kind = walker.reader.kind
            try walker.wholeValue()
            guard key.equals("name", in: walker.bytes) else { return }
            walker.toolName(JSONScan.Member(key: key, value: start..<walker.reader.index, kind: kind))
        }
    }

    private mutating func toolType(_ member: JSONScan.Member) {
        if member.equals("function", in: bytes) { return }
        guard let type = member.string(in: bytes) else {
            return note(Extra(.serverTool, "of no type"))
        }
        guard Extra.isRunByCaller(type) else { return note(Extra(.serverTool, type)) }
        // A tool that the server defines brings a description that is not in the request.
        if type != "function", type != "custom" { meter.add(1_024) }
    }

    private mutating func toolName(_ member: JSONScan.Member) {
        guard toolNames.count < 1_024, member.value.count <= 512, let name = member.string(in: bytes) else { return }
        toolNames.append(name)
    }
}
