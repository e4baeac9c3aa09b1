/// Reckons the most that a call can cost.
package enum WorstCase {
    /// Looks the models up and prices the call with all of them.
    ///
    /// - Parameters:
    ///   - knownPromptTokens: a bound that is tighter than the request's own, as `PromptLearning` has it.
    ///   - usualPromptShare: the share of its bound that a prompt of this model has at most, as was seen so far.
    package static func price(
        of facts: CallFacts, in catalogue: Catalogue, allowances: Allowances = Allowances(),
        knownPromptTokens: Int? = nil, usualPromptShare: Int? = nil
    ) throws(CallRefusal) -> CallPrice {
        guard let first = catalogue.terms(of: facts.model) else { throw .unknownModel(facts.model) }
        var candidates = [first]
        for name in facts.fallbacks {
            guard let terms = catalogue.terms(of: name) else { throw .unknownModel(name) }
            candidates.append(terms)
        }
        return try price(
            of: facts, candidates, allowances, known: knownPromptTokens, usualShare: usualPromptShare)
    }

    /// - Parameter candidates: the models of which any may be charged; at least one.
    package static func price(
        of facts: CallFacts, candidates: [Model], allowances: Allowances, knownPromptTokens: Int? = nil,
        usualPromptShare: Int? = nil
    ) throws(CallRefusal) -> CallPrice {
        guard !candidates.isEmpty else { throw .unknownModel(facts.model) }
        return try price(
            of: facts, candidates.map(ModelTerms.init), allowances, known: knownPromptTokens,
            usualShare: usualPromptShare)
    }

    /// Times of day play no part: of all windows the dearest counts, since a call may wait, and run past one's end.
    private static func price(
        of facts: CallFacts, _ candidates: [ModelTerms], _ allowances: Allowances, known: Int?, usualShare: Int?
    ) throws(CallRefusal) -> CallPrice {
        let terms = try terms(of: facts, candidates, allowances)
        let frame = frame(of: facts, candidates)
        var promptTokens = try promptTokens(of: facts, candidates, frame, known: known)
        promptTokens = min(promptTokens, .max / 4) + min(terms.promptTokens, .max / 4)

        let hour = facts.extras.contains { $0.kind == .hourCache }
        var base = USD.zero
        var output = USD.zero
        var listed = MaxPrice(prompt: .zero, completion: .zero)
        var surcharge = Surcharge(perCall: terms.perCall, factorPermille: terms.factorPermille)
        let images = facts.prompt.counts.images
        var search = USD.zero
        for model in candidates {
            let rates = try DearestRates(model, promptTokens: promptTokens, usesHourCache: hour, facts.dialect)
            base = max(base, rates.base(promptTokens: promptTokens, images: images, model))
            rates.add(images: images, model, to: &surcharge)
            surcharge.perOutputToken = max(surcharge.perOutputToken, rates.outputSurcharge)
            search = max(search, rates.search)
            output = max(output, rates.output)
            listed.prompt = max(listed.prompt, rates.listedPrompt * 1_000_000)
            listed.completion = max(listed.completion, rates.listedCompletion * 1_000_000)
            if rates.request > .zero { listed.request = max(listed.request ?? .zero, rates.request) }
        }
        base += output * facts.predictionTokens
        surcharge.perCall += search
        return CallPrice(
            promptTokens: promptTokens,
            base: base.raised(permille: terms.factorPermille) + terms.perCall,
            perOutputToken: (output * facts.choices).raised(permille: terms.factorPermille),
            maxOutputTokens: try maxOutputTokens(of: facts, candidates, allowances) {
                PromptGuess(facts.prompt, in: frame, known: known, usualShare: usualShare)
            },
            choices: facts.choices, maxPrice: listed, surcharge: surcharge)
    }

    /// All extras together; refuses the first one that is not allowed.
    private static func terms(
        of facts: CallFacts, _ candidates: [ModelTerms], _ allowances: Allowances
    ) throws(CallRefusal) -> Allowances.Terms {
        var sum = Allowances.Terms()
        var extras = facts.extras
        // No request asks for it, and one call makes dozens of searches.
        if candidates.contains(where: { $0.researches }) { extras.append(Extra(.webSearch, "deep_research")) }
        for extra in extras {
            guard let terms = allowances[extra] else { throw .extraNotAllowed(extra) }
            sum.perCall += max(.zero, terms.perCall)
            sum.promptTokens = min(.max / 4, sum.promptTokens + min(.max / 4, max(0, terms.promptTokens)))
            // Factors multiply; a thousand of them is beyond any price.
            let factor = min(1_000_000, max(1000, terms.factorPermille))
            sum.factorPermille = min(1_000_000, (sum.factorPermille * factor + 999) / 1000)
        }
        return sum
    }

    private static func frame(of facts: CallFacts, _ candidates: [ModelTerms]) -> PromptFrame {
        // A model is known by more than the name that the request gives it: by its id.
        var frame = PromptFrame(model: facts.model)
        for name in facts.fallbacks { frame.widen(for: name) }
        for model in candidates { frame.widen(to: model.frame) }
        return frame
    }

    private static func promptTokens(
        of facts: CallFacts, _ candidates: [ModelTerms], _ frame: PromptFrame, known: Int?
    ) throws(CallRefusal) -> Int {
        let bound = facts.prompt.tokenBound(in: frame, contextLength: largest(candidates) { $0.contextLength })
        switch (bound, known) {
        case (let bound?, let known?): return min(bound, max(0, known))
        case (let bound?, nil): return bound
        case (nil, let known?): return max(0, known)
        case (nil, nil):
            throw .unboundedPrompt(model: candidates.first { $0.contextLength == nil }?.id ?? facts.model)
        }
    }

    /// The caller's length is passed on as it is; what it left open is to fit into a context, beside its prompt.
    private static func maxOutputTokens(
        of facts: CallFacts, _ candidates: [ModelTerms], _ allowances: Allowances, _ prompt: () -> PromptGuess
    ) throws(CallRefusal) -> Int {
        guard facts.dialect != .embeddings else { return 0 }
        let limit: Int?
        if let cap = facts.outputCap {
            limit = largest(candidates) { $0.maxCompletionTokens ?? $0.contextLength }.map { min(cap, $0) } ?? cap
        } else {
            let prompt = prompt()
            limit = largest(candidates) { $0.longestAnswer(to: prompt) } ?? allowances.defaultOutputTokens
        }
        guard let tokens = limit else { throw .unboundedOutput(model: facts.model) }
        return min(CallFacts.maximumOutput, max(0, tokens))
    }

    /// The largest of the models' limits that are above 0; nil when one of them has none.
    private static func largest(_ candidates: [ModelTerms], _ limit: (ModelTerms) -> Int?) -> Int? {
        var largest: Int?
        for model in candidates {
            guard let limit = limit(model) else { return nil }
            if limit > 0 { largest = max(largest ?? 0, limit) }
        }
        return largest
    }
}

extension USD {
    /// This amount times `permille`/1000, rounded up; for amounts that are not negative and factors of at least 1000.
    func raised(permille: Int) -> USD {
        guard permille > 1000, picodollars > 0 else { return self }
        let exact = picodollars.multipliedFullWidth(by: Int64(permille))
        // Beyond this the quotient does not fit.
        guard exact.high < 500 else { return .max }
        let (quotient, remainder) = Int64(1000).dividingFullWidth(exact)
        return USD(picodollars: quotient) + USD(picodollars: remainder > 0 ? 1 : 0)
    }
}
