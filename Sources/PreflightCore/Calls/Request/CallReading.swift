/// The reading of one request.
struct CallReading {
    let bytes: UnsafeRawBufferPointer
    let dialect: Dialect
    let fields: BodyFields
    var walker: PromptWalker
    var predictionTokens = 0
    /// The server may leave out a part of the prompt.
    var mayBeCut = false

    init(_ bytes: UnsafeRawBufferPointer, dialect: Dialect) throws(CallRefusal) {
        self.bytes = bytes
        self.dialect = dialect
        let scan: JSONScan
        do {
            scan = try JSONScan.read(bytes)
        } catch {
            throw CallRefusal(error)
        }
        fields = try BodyFields(scan, in: bytes)
        guard let walker = PromptWalker(bytes) else { throw .invalidBody(reason: "empty", offset: 0) }
        self.walker = walker
    }

    mutating func facts() throws(CallRefusal) -> CallFacts {
        guard let model = fields[.model]?.string(in: bytes), !model.isEmpty, model.utf8.count <= 256 else {
            throw .invalidMember("model", expected: "the name of a model")
        }
        let fallbacks = try fallbacks()
        try measurePrompt()
        let choices = try choices()
        noteName(model)
        for fallback in fallbacks { noteName(fallback) }
        try noteExtras()
        // What is not kept would be allowed unseen.
        guard !walker.hasMoreExtras else { throw .tooManyExtras }
        return CallFacts(
            model: model, fallbacks: fallbacks,
            details: CallFacts.Details(
                dialect: dialect, isStreamed: try bool(.stream) ?? false, asksForUsage: try asksForUsage(),
                outputCap: try outputCap(), choices: choices, thinkingBudget: try thinkingBudget(),
                reasoning: reasoningWish(model: model), toolNames: walker.toolNames,
                prompt: PromptMeasure(
                    counts: walker.countsSoFar, isOpenEnded: walker.isOpenEnded,
                    isRepeatable: !walker.hasRemoteImage && !mayBeCut,
                    // Messages are no part of what is embedded: a place between them tells nothing of the rest.
                    marks: dialect == .embeddings ? [] : walker.marks, identity: identity(),
                    tools: hash(of: [fields[.tools], fields[.functions]]),
                    system: hash(of: [
                        fields.scan.member("system", in: bytes), fields.scan.member("instructions", in: bytes),
                    ]),
                    opening: walker.firstMark,
                    isMarkedForCache: walker.isMarkedForCache || fields[.cacheControl] != nil,
                    sequences: sequences, framed: dialect == .completions ? sequences : 1),
                predictionTokens: predictionTokens, extras: walker.extras, fields: fields))
    }

    /// Prompts that are answered, or embedded, one by one.
    var sequences: Int { dialect == .completions || dialect == .embeddings ? max(1, walker.sequences) : 1 }

    private mutating func measurePrompt() throws(CallRefusal) {
        do {
            if let messages = fields[.messages] { try walker.messages(at: messages.value.lowerBound) }
            if let input = fields[.input] {
                if dialect == .embeddings {
                    try walker.prompts(at: input.value.lowerBound)
                } else {
                    try walker.messages(at: input.value.lowerBound)
                }
            }
            if let prompt = fields[.prompt] {
                if prompt.kind == .object { walker.openEnd(Extra(.state, "prompt")) }
                try walker.prompts(at: prompt.value.lowerBound)
            }
            if let tools = fields[.tools] { try walker.tools(at: tools.value.lowerBound) }
            if let functions = fields[.functions] { try walker.tools(at: functions.value.lowerBound) }
            for member in fields.scan.members where member.role == .other && member.kind != .null {
                walker.meter.add(4 + PromptWalker.perPart)
                walker.meter.count(walker.reader.base, from: member.key.range.lowerBound)
                walker.reader.index = member.value.lowerBound
                // A system prompt is like a message's content; of anything else the JSON may be shown to the model.
                if member.key.equals("system", in: bytes) || member.key.equals("instructions", in: bytes) {
                    try walker.content()
                } else {
                    try walker.wholeValue()
                }
            }
        } catch {
            throw CallRefusal(error)
        }
    }

    /// A hash of what makes a prompt besides its messages: the rest of the body, but for what is known to be no part.
    /// The order of the members does not matter.
    private func identity() -> UInt64 {
        var dialect = dialect.rawValue
        var sum = dialect.withUTF8 { KeyedHash.of(UnsafeRawBufferPointer($0)) }
        let parts = Self.identifying.intersection(fields.given)
        for member in fields.scan.members where member.role == .other || parts.contains(member.role) {
            let key = KeyedHash.of(UnsafeRawBufferPointer(rebasing: bytes[member.key.range]))
            sum &+= KeyedHash.of(UnsafeRawBufferPointer(rebasing: bytes[member.value]), after: key)
        }
        return sum
    }

    /// Of the members that are there; nil where none is.
    private func hash(of members: [JSONScan.Member?]) -> UInt64? {
        let members = members.compactMap { $0 }
        guard !members.isEmpty else { return nil }
        return members.reduce(0) { KeyedHash.of(UnsafeRawBufferPointer(rebasing: bytes[$1.value]), after: $0) }
    }

    private static let identifying = BodyFieldSet(
        .model, .models, .fallbacks, .tools, .functions, .thinking, .reasoning, .plugins, .prompt, .chatTemplate,
        .container, .contextManagement)

    /// The members of an object that decides about money: none may stand there twice, in any case of its letters.
    func object(_ field: BodyField) throws(CallRefusal) -> JSONScan? {
        guard let member = fields[field] else { return nil }
        guard member.kind == .object else { throw .invalidMember(field.name, expected: "an object") }
        return try Self.unambiguous(at: member.value.lowerBound, name: field.name, in: bytes)
    }

    static func unambiguous(
        at offset: Int, name: String, in bytes: UnsafeRawBufferPointer
    ) throws(CallRefusal) -> JSONScan {
        let scan: JSONScan
        do {
            scan = try JSONScan.nested(in: bytes, at: offset)
        } catch {
            throw CallRefusal(error)
        }
        var seen: Set<String> = []
        for member in scan.members {
            let key = BodyNames.folded(member.key.string(in: bytes))
            guard seen.insert(key).inserted else {
                throw .ambiguousMember("\(name).\(key)", offset: member.key.range.lowerBound)
            }
        }
        return scan
    }
}

extension JSONScan {
    /// The member of this key, unless it is absent or null.
    func member(_ key: StaticString, in bytes: UnsafeRawBufferPointer) -> Member? {
        guard let member = members.first(where: { $0.key.equals(key, in: bytes) }), member.kind != .null else {
            return nil
        }
        return member
    }
}
