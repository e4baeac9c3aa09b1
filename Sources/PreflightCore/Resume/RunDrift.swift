/// What is not any more as it was when a run began.
package struct RunDrift: Sendable, Equatable {
    package struct Difference: Sendable, Equatable {
        package var what: String
        package var was: String
        package var now: String

        package init(_ what: String, was: String, now: String) {
            self.what = what
            self.was = was
            self.now = now
        }

        package var text: String { "\(what): \(was) -> \(now)" }
    }

    /// What the world says now. Nil where it was not asked, or has none.
    package struct Present: Sendable {
        package var experimentDigest: String?
        package var promptDigest: String?
        package var imageID: String?
        package var baseURL: String
        package var version: String
        /// Prices of the models still to run; the permanent name where there is one.
        package var models: [ModelSource: Model]

        package init(
            experimentDigest: String?, promptDigest: String?, imageID: String?, baseURL: String, version: String,
            models: [ModelSource: Model]
        ) {
            self.experimentDigest = experimentDigest
            self.promptDigest = promptDigest
            self.imageID = imageID
            self.baseURL = baseURL
            self.version = version
            self.models = models
        }
    }

    /// What makes it another run.
    package private(set) var differences: [Difference] = []
    /// What is only to be known.
    package private(set) var notes: [Difference] = []

    /// - Parameters:
    ///   - lock: `lock.json` of the run.
    ///   - wanted: the models still to run.
    package init(lock: JSON, present: Present, wanted: [ModelSource]) {
        func compare(_ what: String, _ was: String?, _ now: String?, short: Bool = false) {
            // A run of an older version did not write it down.
            guard let was, was != now else { return }
            func words(_ text: String) -> String { short ? String(text.prefix(19)) : text }
            differences.append(Difference(what, was: words(was), now: now.map(words) ?? "none"))
        }
        compare("experiment.yaml", lock["experiment_sha256"]?.string, present.experimentDigest, short: true)
        compare("prompt.txt", lock["prompt_sha256"]?.string, present.promptDigest, short: true)
        compare(
            "image \(lock["image"]?["name"]?.string ?? "")", lock["image"]?["id"]?.string, present.imageID, short: true)
        compare("OPENROUTER_BASE_URL", lock["base_url"]?.string, present.baseURL)
        for entry in lock["models"]?.array ?? [] {
            guard let name = entry["id"]?.string else { continue }
            let source = ModelSource(model: name, upstream: entry["upstream"]?.string)
            guard wanted.contains(source) else { continue }
            let id = source.description
            let model = present.models[source]
            compare("\(id): served as", entry["canonical_slug"]?.string, model?.canonicalSlug)
            guard let pricing = entry["pricing"] else { continue }
            if model == nil, entry["canonical_slug"]?.string == nil {
                differences.append(Difference(id, was: "listed", now: "not listed"))
            }
            if let model { comparePrices(of: id, pricing, model.pricing.json) }
        }
        if let was = lock["preflight"]?.string, was != present.version {
            notes.append(Difference("preflight", was: was, now: present.version))
        }
    }

    private mutating func comparePrices(of id: String, _ was: JSON, _ now: JSON) {
        let names = ((was.object?.members ?? []) + (now.object?.members ?? [])).map(\.key)
        for name in names.reduce(into: [String](), { if !$0.contains($1) { $0.append($1) } }) {
            let (before, after) = (was[name]?.usd(), now[name]?.usd())
            let isSame = before == after && (before != nil || was[name]?.text == now[name]?.text)
            guard !isSame else { continue }
            func words(_ price: USD?, _ json: JSON?) -> String { price?.decimalText ?? json?.text ?? "none" }
            differences.append(
                Difference("\(id): price of \(name)", was: words(before, was[name]), now: words(after, now[name])))
        }
    }
}
