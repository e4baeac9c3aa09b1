extension CallReading {
    mutating func noteExtras() throws(CallRefusal) {
        // Most requests ask for none of all this.
        guard !fields.given.isDisjoint(with: Self.asking) else { return }
        try notePlugins()
        try noteTiers()
        noteCuts()
        noteOutputs()
        noteState()
        if fields[.webSearchOptions] != nil { walker.note(Extra(.webSearch)) }
        if fields[.prediction] != nil { try countPrediction() }
        if fields[.container] != nil { walker.note(Extra(.container)) }
        noteContextManagement()
        if fields[.mcpServers].map({ $0.value.count > 2 }) ?? false { walker.note(Extra(.serverTool, "mcp_servers")) }
        if fields[.extraBody] != nil { walker.note(Extra(.wrapper, "extra_body")) }
        if fields[.chatTemplate] != nil { walker.openEnd(Extra(.template)) }
        if let preset = fields[.preset] { walker.openEnd(Extra(.preset, preset.string(in: bytes) ?? "")) }
        if let control = fields[.cacheControl]?.json(in: bytes), let ttl = control["ttl"], ttl.string != "5m" {
            walker.note(Extra(.hourCache))
        }
    }

    private static let asking = BodyFieldSet(
        .plugins, .serviceTier, .speed, .inferenceGeography, .provider, .modalities, .audio, .imageConfiguration,
        .previousResponse, .conversation, .store, .background, .webSearchOptions, .prediction, .container,
        .contextManagement, .mcpServers, .extraBody, .chatTemplate, .preset, .cacheControl,
        .truncatePromptTokens, .truncation, .transforms)

    mutating func noteName(_ model: String) {
        let words = ModelWords(in: model)
        if words.contains(.preset) { walker.openEnd(Extra(.preset, model)) }
        guard words.contains(.routing), let colon = model.lastIndex(of: ":") else { return }
        let suffix = String(model[model.index(after: colon)...])
        if ["online", "nitro", "floor"].contains(suffix) { walker.note(Extra(.routing, suffix)) }
    }

    private mutating func notePlugins() throws(CallRefusal) {
        guard let member = fields[.plugins] else { return }
        guard let entries = member.json(in: bytes)?.array else {
            throw .invalidMember("plugins", expected: "a list")
        }
        for entry in entries {
            guard let members = entry.object?.members else {
                throw .invalidMember("plugins", expected: "a list of objects")
            }
            let ids = members.filter { BodyNames.folded($0.key) == "id" }
            let switches = members.filter { BodyNames.folded($0.key) == "enabled" }
            guard ids.count == 1, let id = ids[0].value.string, switches.count <= 1 else {
                throw .invalidMember("plugins", expected: "a list of objects with an id each")
            }
            if switches.first?.value.bool == false { continue }
            if id == "context-compression" { mayBeCut = true }
            if Extra.harmlessPlugins.contains(id) { continue }
            walker.note(Extra(.plugin, id))
        }
    }

    private mutating func noteTiers() throws(CallRefusal) {
        if let tier = fields[.serviceTier] {
            guard let name = tier.string(in: bytes) else { throw .invalidMember("service_tier", expected: "a text") }
            if !Extra.ordinaryTiers.contains(name) { walker.note(Extra(.tier, name)) }
        }
        if let speed = fields[.speed], speed.string(in: bytes) != "standard" {
            walker.note(Extra(.tier, speed.string(in: bytes) ?? "speed"))
        }
        if let geography = fields[.inferenceGeography], geography.string(in: bytes) != "global" {
            walker.note(Extra(.tier, "inference_geo"))
        }
        guard let provider = try object(.provider) else { return }
        for key in ["order", "only"] as [StaticString] {
            for slug in provider.member(key, in: bytes)?.json(in: bytes)?.array ?? [] {
                guard let tier = slug.string?.split(separator: "/").last.map(String.init) else { continue }
                if Extra.dearTiers.contains(tier) { walker.note(Extra(.tier, tier)) }
            }
        }
    }

    /// Anthropic's edits that clear old parts only make a prompt shorter. One that compacts has it read by a model once
    /// more, and what is not known may do anything.
    private mutating func noteContextManagement() {
        guard let member = fields[.contextManagement] else { return }
        let members = member.json(in: bytes)?.object?.members ?? []
        guard members.count == 1, members[0].key == "edits", let edits = members[0].value.array,
            edits.allSatisfy({ Self.only("type", in: $0)?.string?.hasPrefix("clear_") ?? false })
        else {
            mayBeCut = true
            return walker.note(Extra(.contextManagement))
        }
        // As long as all is kept, the same request is the same prompt.
        if !edits.allSatisfy({ Self.only("keep", in: $0) == "all" }) { mayBeCut = true }
    }

    /// The member of this key, if it stands there once, in any case of its letters.
    private static func only(_ key: String, in json: JSON) -> JSON? {
        let found = json.object?.members.filter { BodyNames.folded($0.key) == key } ?? []
        return found.count == 1 ? found[0].value : nil
    }

    private mutating func noteCuts() {
        if fields[.truncatePromptTokens] != nil { mayBeCut = true }
        if let truncation = fields[.truncation], truncation.string(in: bytes) != "disabled" { mayBeCut = true }
        if let transforms = fields[.transforms], transforms.json(in: bytes)?.array?.isEmpty != true { mayBeCut = true }
    }

    private mutating func noteOutputs() {
        for modality in fields[.modalities]?.json(in: bytes)?.array ?? [] where modality.string != "text" {
            walker.note(Extra(.output, modality.string ?? "modality"))
        }
        if fields[.audio] != nil { walker.note(Extra(.output, "audio")) }
        if fields[.imageConfiguration] != nil { walker.note(Extra(.output, "image")) }
    }

    private mutating func noteState() {
        for field in [BodyField.previousResponse, .conversation] where fields[field] != nil {
            walker.openEnd(Extra(.state, field.name))
        }
        if fields[.store]?.bool(in: bytes) ?? false { walker.note(Extra(.state, "store")) }
        // A call in the background goes on when nobody listens.
        if fields[.background]?.bool(in: bytes) ?? false { walker.note(Extra(.state, "background")) }
    }

    private mutating func countPrediction() throws(CallRefusal) {
        walker.note(Extra(.prediction))
        guard let prediction = fields[.prediction] else { return }
        do {
            let before = walker.meter.tokens
            walker.reader.index = prediction.value.lowerBound
            try walker.wholeValue()
            predictionTokens = walker.meter.tokens - before
        } catch {
            throw CallRefusal(error)
        }
    }
}
