import PreflightCore

/// The models the simulator serves, as JSON for the list and as values for prices.
struct ServedCatalogue: Sendable {
    let entries: [JSON]
    /// Listed by `/embeddings/models`.
    let embeddingEntries: [JSON]
    private let embeddingIDs: Set<String>
    /// Both lists, without repetitions.
    private let all: [JSON]
    private let catalogue: Catalogue
    private let aliases: [String: String]
    private let entryByID: [String: Int]

    /// The list captured from the real service.
    static let captured = ServedCatalogue(entries: capturedEntries)

    /// - Parameter bytes: a body of `GET /models`.
    init(bytes: [UInt8]) throws(PreflightError) {
        let json: JSON
        do { json = try JSON.parse(bytes) } catch {
            throw PreflightError(.usage, "the simulator's catalogue is not JSON: \(error)")
        }
        guard let entries = json["data"]?.array else {
            throw PreflightError(.usage, "the simulator's catalogue has no list 'data'")
        }
        self.init(entries: entries)
    }

    private init(entries: [JSON]) {
        let isEmbedding = { (entry: JSON) in
            entry["architecture"]?["output_modalities"]?.array?.contains("embeddings") ?? false
        }
        let own = entries.filter(isEmbedding)
        let added = own.isEmpty ? EmbeddingModels.entries : []
        self.entries = entries
        embeddingEntries = own.isEmpty ? added : own
        embeddingIDs = Set(embeddingEntries.compactMap { $0["id"]?.string })
        let entries = entries + added
        all = entries
        catalogue = Catalogue(models: entries.compactMap(Model.init(json:)))
        var aliases: [String: String] = [:]
        var entryByID: [String: Int] = [:]
        for (index, entry) in entries.enumerated() {
            guard let id = entry["id"]?.string else { continue }
            entryByID[id] = index
            if let target = entry["alias_target"]?["slug"]?.string { aliases[id] = target }
        }
        self.aliases = aliases
        self.entryByID = entryByID
    }

    /// The same models, one of them at other prices per token; nil where there is no such model.
    func repriced(_ id: String, prompt: USD?, completion: USD?) -> ServedCatalogue? {
        var isFound = false
        let entries = (self.entries + embeddingEntries.filter { !self.entries.contains($0) }).map { entry -> JSON in
            guard entry["id"]?.string == id, var object = entry.object else { return entry }
            isFound = true
            var pricing = entry["pricing"]?.object ?? JSON.Object()
            if let prompt { pricing["prompt"] = .string(prompt.decimalText) }
            if let completion { pricing["completion"] = .string(completion.decimalText) }
            object["pricing"] = .object(pricing)
            return .object(object)
        }
        return isFound ? ServedCatalogue(entries: entries) : nil
    }

    private static let capturedEntries: [JSON] = CapturedCatalogue.lines.withUTF8Buffer { text in
        text.split(separator: UInt8(ascii: "\n")).compactMap { try? JSON.parse(Array($0)) }
    }

    /// The list entry of a model named by id or canonical slug.
    func entry(_ name: String) -> JSON? {
        catalogue[name].flatMap { entryByID[$0.id] }.map { all[$0] }
    }

    func isEmbedding(_ model: Model) -> Bool { embeddingIDs.contains(model.id) }

    /// The model that serves a call: aliases lead to their target, routers to one they could have picked.
    func serving(_ name: String) -> Model? {
        guard let model = catalogue[aliases[name] ?? name] else { return nil }
        guard model.pricing.isUnbounded else { return model }
        return Self.routerChoices.lazy.compactMap { catalogue[$0] }.first
            ?? catalogue.models.first { !$0.pricing.isUnbounded && !$0.pricing.isFree }
    }

    private static let routerChoices = ["google/gemini-2.5-flash", "openai/gpt-4o-mini"]
}
