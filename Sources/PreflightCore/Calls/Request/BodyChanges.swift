/// What the gateway changes in a request's body before it sends it on. All other bytes stay as they are.
package struct BodyChanges: Hashable, Sendable {
    /// Set in every member in which the caller caps the output, so that none says more; never raises the cap.
    package var maxOutputTokens: Int?
    /// Adds `stream_options.include_usage`.
    package var asksForUsage: Bool
    /// Merged into `provider.max_price`; a lower price of the caller's stays.
    package var maxPrice: MaxPrice?
    package var model: String?
    package var isStreamed: Bool?

    package init(
        maxOutputTokens: Int? = nil, asksForUsage: Bool = false, maxPrice: MaxPrice? = nil, model: String? = nil,
        isStreamed: Bool? = nil
    ) {
        self.maxOutputTokens = maxOutputTokens
        self.asksForUsage = asksForUsage
        self.maxPrice = maxPrice
        self.model = model
        self.isStreamed = isStreamed
    }

    /// Least tokens that a model thinks with, where it has a budget for it.
    static let leastThinking = 1_024

    /// - Parameters:
    ///   - body: the bytes that `facts` were read from.
    ///   - facts: says where the members lie.
    /// - Throws: when the change would leave no room for the caller's thinking budget, or a member that must be
    ///   merged with is of the wrong kind.
    package func applied(to body: [UInt8], facts: CallFacts) throws(CallRefusal) -> [UInt8] {
        try body.withBody { (bytes) throws(CallRefusal) in try applied(to: bytes, facts: facts) }
    }

    package func applied(to bytes: UnsafeRawBufferPointer, facts: CallFacts) throws(CallRefusal) -> [UInt8] {
        // The scan's offsets are only good for the bytes they came from.
        guard facts.details.fields.scan.object.upperBound <= bytes.count else {
            throw .invalidBody(reason: "not the body that was read", offset: bytes.count)
        }
        let reading = facts.details.fields
        var splice = BodySplice(bytes, facts.scan)
        if let model { splice.set(reading, .model) { JSON.string(model).write(into: &$0) } }
        if let isStreamed { splice.set(reading, .stream) { $0.write(isStreamed ? "true" : "false") } }
        if let maxOutputTokens {
            try capOutput(maxOutputTokens, facts, reading, &splice)
        }
        if asksForUsage, facts.dialect == .chat || facts.dialect == .completions {
            try askForUsage(reading, &splice)
        }
        if let maxPrice { try mergePrice(maxPrice, reading, &splice) }
        return splice.result()
    }

    private func capOutput(
        _ tokens: Int, _ facts: CallFacts, _ fields: BodyFields, _ splice: inout BodySplice
    ) throws(CallRefusal) {
        let caps = facts.dialect.outputCaps
        guard !caps.isEmpty else { return }
        let tokens = min(tokens, facts.outputCap ?? tokens)
        var used = caps.intersection(fields.given)
        if used.isEmpty { used = BodyFieldSet(caps.last(in: fields.written) ?? facts.preferredOutputCap) }
        for field in used {
            splice.set(fields, field) { $0.write(tokens) }
        }
        try lowerThinking(below: tokens, fields, &splice)
    }

    /// Thinking must leave room for an answer.
    private func lowerThinking(
        below tokens: Int, _ fields: BodyFields, _ splice: inout BodySplice
    ) throws(CallRefusal) {
        guard !fields.given.isDisjoint(with: .thinking) else { return }
        for (field, key) in ThinkingMember.all {
            guard let member = fields[field], member.kind == .object,
                let budget = try splice.nested(member, field).member(key, in: splice.bytes),
                let value = budget.int(in: splice.bytes), value >= tokens
            else { continue }
            guard tokens - 1 >= Self.leastThinking else {
                throw .thinkingTooLarge(budget: value, maxOutputTokens: tokens)
            }
            splice.replace(budget.value) { $0.write(tokens - 1) }
        }
    }

    private func askForUsage(_ fields: BodyFields, _ splice: inout BodySplice) throws(CallRefusal) {
        guard let options = fields[.streamOptions] else {
            return splice.set(fields, .streamOptions) { $0.write(#"{"include_usage":true}"#) }
        }
        let scan = try splice.nested(options, .streamOptions)
        try splice.merge([("include_usage", .bool(true))], into: scan, name: "stream_options") { $0 == $1 }
    }

    private func mergePrice(
        _ price: MaxPrice, _ fields: BodyFields, _ splice: inout BodySplice
    ) throws(CallRefusal) {
        guard let provider = fields[.provider] else {
            return splice.set(fields, .provider) {
                $0.write(#"{"max_price":"#)
                price.write(into: &$0)
                $0.write("}")
            }
        }
        let members = price.members.map { ($0.key, JSON.usd($0.value)) }
        let scan = try splice.nested(provider, .provider)
        try splice.refuseOtherCase(of: "max_price", in: scan, name: "provider")
        guard let existing = scan.members.first(where: { $0.key.equals("max_price", in: splice.bytes) }) else {
            return splice.append(to: scan) {
                $0.write(#""max_price":"#)
                price.write(into: &$0)
            }
        }
        guard existing.kind != .null else { return splice.replace(existing.value) { price.write(into: &$0) } }
        guard existing.kind == .object else { throw .invalidMember("provider.max_price", expected: "an object") }
        let inner = try CallReading.unambiguous(
            at: existing.value.lowerBound, name: "provider.max_price", in: splice.bytes)
        try splice.merge(members, into: inner, name: "provider.max_price") { theirs, ours in
            guard let theirs = theirs.usd(rounding: .down), !theirs.isNegative, let ours = ours.usd() else {
                return nil
            }
            return theirs <= ours
        }
    }
}

extension CallFacts {
    /// Where the cap goes when the caller set none. OpenAI's models that think refuse `max_tokens` in a chat.
    var preferredOutputCap: BodyField {
        guard dialect == .chat else { return dialect == .responses ? .maxOutputTokens : .maxTokens }
        let name = model.split(separator: "/").last.map { $0.lowercased() } ?? ""
        let isThinking =
            name.hasPrefix("gpt-5") || name.hasPrefix("gpt-6")
            || (name.hasPrefix("o") && name.dropFirst().first?.isNumber == true)
        return isThinking ? .maxCompletionTokens : .maxTokens
    }
}

extension MaxPrice {
    fileprivate func write(into out: inout [UInt8]) {
        out.write(#"{"prompt":"#)
        prompt.writeDecimal(into: &out)
        out.write(#","completion":"#)
        completion.writeDecimal(into: &out)
        if let request {
            out.write(#","request":"#)
            request.writeDecimal(into: &out)
        }
        out.write("}")
    }
}

extension [UInt8] {
    mutating func write(_ text: StaticString) { append(contentsOf: UnsafeBufferPointer(of: text)) }

    mutating func write(_ number: Int) { append(contentsOf: String(number).utf8) }
}
