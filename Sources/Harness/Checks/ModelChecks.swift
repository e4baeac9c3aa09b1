import OpenRouter
import PreflightCore

/// Questions that the catalogue answers.
enum ModelChecks {
    /// - Parameters:
    ///   - ids: of OpenRouter's models.
    ///   - others: those of other upstreams, which its catalogue does not know; prices are those of `upstreams`.
    static func models(
        _ ids: [String], catalogue answer: Result<Catalogue, OpenRouterError>, others: [ModelSource] = [],
        upstreams: [UpstreamPrices] = [], today: String
    ) -> CheckResult {
        let catalogue: Catalogue
        switch answer {
        case .success(let value): catalogue = value
        case .failure(let error): return CheckResult("models", .fail, "\(error)", hint: error.hint)
        }
        let (priced, unpriced) = Self.others(others, upstreams)
        if !unpriced.isEmpty {
            return CheckResult(
                "models", .fail, "no price for \(unpriced.joined(separator: ", "))",
                hint: "add it to the prices of its upstream, or declare the upstream free")
        }
        var lines = priced
        let count = ids.count + others.count
        var missing: [String] = []
        var warnings: [String] = []
        for id in ids {
            guard let model = catalogue[id] else {
                let suggestion = NearestName.hint(id, among: catalogue.models.map(\.id)).map { ", \($0)" } ?? ""
                missing.append(id)
                lines.append("\(id): not in the catalogue\(suggestion)")
                continue
            }
            let notes = notes(on: model, today: today)
            warnings += notes.map { "\(id) \($0)" }
            lines.append("\(id): \(describe(model))" + (notes.isEmpty ? "" : "; " + notes.joined(separator: "; ")))
        }
        if !missing.isEmpty {
            return CheckResult(
                "models", .fail, "\(missing.count) of \(count) not found: \(missing.joined(separator: ", "))",
                lines: lines, hint: "correct the name; https://openrouter.ai/models lists them all")
        }
        let found = others.isEmpty ? "\(count) found" : "\(count) found, \(others.count) of other upstreams"
        return warnings.isEmpty
            ? CheckResult("models", .pass, found, lines: lines)
            : CheckResult(
                "models", .warn, "\(found), \(warnings.count) with a warning", lines: lines, hint: warnings[0])
    }

    private static func others(
        _ sources: [ModelSource], _ upstreams: [UpstreamPrices]
    ) -> (lines: [String], unpriced: [String]) {
        var lines: [String] = []
        var unpriced: [String] = []
        for source in sources {
            let upstream = upstreams.first { $0.name == source.upstream }
            if let upstream, upstream.table == nil {
                lines.append("\(source): free")
            } else if let rates = upstream?.pricing(of: source.model)?.rates, let prompt = rates.prompt,
                let completion = rates.completion
            {
                lines.append("\(source): \(prompt * 1_000_000) in, \(completion * 1_000_000) out per M tokens")
            } else {
                unpriced.append("\(source)")
            }
        }
        return (lines, unpriced)
    }

    static func describe(_ model: Model) -> String {
        let slug = model.canonicalSlug.map { $0 == model.id ? "" : " (\($0))" } ?? ""
        guard !model.pricing.isUnbounded, let prompt = model.pricing.rates.prompt,
            let completion = model.pricing.rates.completion
        else { return "price unknown\(slug)" }
        return "\(prompt * 1_000_000) in, \(completion * 1_000_000) out per M tokens\(slug)"
    }

    private static func notes(on model: Model, today: String) -> [String] {
        var notes: [String] = []
        if model.pricing.isUnbounded {
            notes.append("has no price of its own: a router picks the model, so no budget can be planned")
        }
        if model.isFreeVariant {
            notes.append("is a free variant: 20 requests a minute and 50 to 1000 a day for the whole account")
        }
        if let expiry = model.expirationDate {
            if expiry < today {
                notes.append("was to be removed on \(expiry)")
            } else if expiry < Self.date(today, plusDays: 30) {
                notes.append("may be removed after \(expiry)")
            }
        }
        return notes
    }

    static func date(_ date: String, plusDays days: Int) -> String {
        guard let day = Timestamp(iso8601: date + "T00:00:00Z") else { return date }
        return String((day + .seconds(days * 86_400)).iso8601.prefix(10))
    }

    static func toolSupport(
        _ ids: [String], required: [String], catalogue answer: Result<Catalogue, OpenRouterError>, others: Int = 0
    ) -> CheckResult {
        let catalogue: Catalogue
        switch answer {
        case .success(let value): catalogue = value
        case .failure(let error): return CheckResult("tool_support", .fail, "\(error)", hint: error.hint)
        }
        if ids.isEmpty {
            return CheckResult("tool_support", .skip, "only OpenRouter says what its models support")
        }
        let models = ids.compactMap { catalogue[$0] }
        guard models.count == ids.count else {
            return CheckResult("tool_support", .skip, "not every model is in the catalogue")
        }
        let common = models.dropFirst().reduce(Set(models.first?.supportedParameters ?? [])) {
            $0.intersection($1.supportedParameters)
        }
        let notable = ["tools", "tool_choice", "structured_outputs", "response_format", "reasoning", "seed"]
        let shared = notable.filter(common.contains)
        let sharedText = shared.isEmpty ? "none of \(notable.joined(separator: ", "))" : shared.joined(separator: ", ")

        var lines: [String] = []
        var lacking: [String] = []
        for model in models {
            let missing = required.filter { !model.supportedParameters.contains($0) }
            guard !missing.isEmpty else { continue }
            lacking.append(model.id)
            lines.append("\(model.id): lacks \(missing.joined(separator: ", "))")
        }
        if !lacking.isEmpty {
            return CheckResult(
                "tool_support", .fail, "\(lacking.count) of \(ids.count) lack what checks.require names", lines: lines,
                hint: "take \(lacking.joined(separator: ", ")) out of the field, or shorten checks.require")
        }
        let unasked = others > 0 ? "; not known of \(others) of other upstreams" : ""
        if required.isEmpty {
            return CheckResult("tool_support", .pass, "nothing required; common to all: \(sharedText)\(unasked)")
        }
        return CheckResult(
            "tool_support", .pass,
            "all support \(required.joined(separator: ", ")); common to all: \(sharedText)\(unasked)")
    }
}
