/// Why a call is not sent: nothing was spent.
package enum CallRefusal: Error, Hashable, Sendable {
    /// The body is no JSON object, at this byte.
    case invalidBody(reason: String, offset: Int)
    /// A member has a value that does not say what it must.
    case invalidMember(String, expected: String)
    /// A member that decides about money stands there twice, also in other case: parsers differ in which one counts.
    case ambiguousMember(String, offset: Int)
    case unknownModel(String)
    case unknownPrice(model: String)
    /// A router picks the model, so no price can be told before.
    case routedPrice(model: String)
    case extraNotAllowed(Extra)
    /// More of them than are looked at.
    case tooManyExtras
    /// The prompt's size cannot be told from the request, and the model's context length is not known.
    case unboundedPrompt(model: String)
    /// No limit of the answer's length is known.
    case unboundedOutput(model: String)
    /// A budget for thinking that leaves no room under the output that can be paid.
    case thinkingTooLarge(budget: Int, maxOutputTokens: Int)

    package var message: String {
        switch self {
        case .invalidBody(let reason, let offset): "the request's body is no JSON object: \(reason) at byte \(offset)"
        case .invalidMember(let name, let expected): "\(name) must be \(expected)"
        case .ambiguousMember(let name, let offset): "\(name) can be read in two ways, at byte \(offset)"
        case .unknownModel(let model): "model \(model) is not in the price list"
        case .unknownPrice(let model): "the price of \(model) is not known"
        case .routedPrice(let model): "the price of \(model) depends on what a router picks"
        case .extraNotAllowed(let extra): "\(extra.description) can cost more than tokens and is not allowed"
        case .tooManyExtras:
            "the request asks for more than \(CallFacts.maximumExtras) things that can cost more than tokens"
        case .unboundedPrompt(let model): "the size of the prompt cannot be told, nor the context length of \(model)"
        case .unboundedOutput(let model): "no limit is known for the length of the answer of \(model)"
        case .thinkingTooLarge(let budget, let maxOutputTokens):
            "a thinking budget of \(budget) tokens does not fit into \(maxOutputTokens) output tokens"
        }
    }

    /// The next step, where there is one.
    package var hint: String? {
        switch self {
        case .invalidBody, .invalidMember: nil
        case .ambiguousMember(let name, _): "send \(name) once, in lower case"
        case .unknownModel: "use the id of a model in the list, or give it a price"
        case .unknownPrice, .routedPrice: "name a model with a price of its own"
        case .extraNotAllowed(let extra): "leave it out, or allow \(extra.name) with a price"
        case .tooManyExtras: "send fewer tools and plugins that the server runs"
        case .unboundedPrompt: "send the content itself, or give the model a context length"
        case .unboundedOutput: "set a limit for output tokens"
        case .thinkingTooLarge: "lower the thinking budget"
        }
    }
}

extension CallRefusal {
    init(_ failure: JSONScan.Failure) { self = .invalidBody(reason: failure.reason, offset: failure.offset) }
}
