package import PreflightCore
import Store

/// What a run was made with, by its `lock.json`: enough to tell two runs apart, or to run it again.
package struct Provenance: Sendable, Equatable {
    package var preflight: String?
    package var docker: String?
    package var image: String?
    package var imageID: String?
    package var imageDigests: [String] = []
    package var architecture: String?
    package var baseURL: String?
    /// When the price snapshot was taken.
    package var pricesAt: Timestamp?
    package var models: [Model] = []
    package var experimentDigest: String?
    package var promptDigest: String?
    /// When it was taken up by another process, and when trials were run again: as `lock.json` has it.
    package var resumed: [JSON] = []
    package var retried: [JSON] = []

    /// A model at the price it had when the run began.
    package struct Model: Sendable, Equatable {
        package var source: ModelSource
        package var canonicalSlug: String?
        /// Nil where it was unknown.
        package var pricing: Pricing?
    }

    package init() {}

    package init(lock json: JSON) {
        preflight = json["preflight"]?.string
        docker = json["docker"]?.string
        let image = json["image"]
        self.image = image?["name"]?.string
        imageID = image?["id"]?.string
        imageDigests = image?["digests"]?.array?.compactMap(\.string) ?? []
        architecture = image?["architecture"]?.string
        baseURL = json["base_url"]?.string
        pricesAt = json["prices_at"]?.string.flatMap(Timestamp.init(iso8601:))
        models = (json["models"]?.array ?? []).compactMap { model in
            guard let id = model["id"]?.string else { return nil }
            return Model(
                source: ModelSource(model: id, upstream: model["upstream"]?.string),
                canonicalSlug: model["canonical_slug"]?.string, pricing: model["pricing"].flatMap(Pricing.init(json:)))
        }
        experimentDigest = json["experiment_sha256"]?.string
        promptDigest = json["prompt_sha256"]?.string
        resumed = json["resumed"]?.array ?? []
        retried = json["retried"]?.array ?? []
    }

    /// Of a run that has no `lock.json`, or none that can be read, nothing is known.
    package static func read(_ path: String) -> Provenance {
        guard let bytes = try? Files.read(path), let json = try? JSON.parse(bytes) else { return Provenance() }
        return Provenance(lock: json)
    }

    package func pricing(of source: ModelSource) -> Pricing? {
        models.first { $0.source == source }?.pricing
    }
}
