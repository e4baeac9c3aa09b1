package import PreflightCore

/// What a simulated OpenRouter starts with, and how it misbehaves in the ways the real one does.
package struct SimulatorOptions: Sendable {
    /// `sk-or-v1-` and sixty-four digits ending in 1: fixed, so that it can be copied from the documentation.
    package static let defaultManagementKey = "sk-or-v1-" + String(repeating: "0", count: 63) + "1"
    /// The same, ending in 2.
    package static let defaultOrdinaryKey = "sk-or-v1-" + String(repeating: "0", count: 63) + "2"

    package var managementKey = Self.defaultManagementKey
    package var ordinaryKey = Self.defaultOrdinaryKey
    /// What the account has bought.
    package var credits = USD(cents: 10_000)
    /// The body of `GET /models` to serve; nil for the captured one.
    package var catalogue: [UInt8]?
    package var scenario = Scenario.echo

    /// How late `/key`, `/keys` and `/credits` show what was spent. Refusals go by the true figures.
    package var usageDelay: Duration = .seconds(1)
    /// Every third reading of a key's usage comes from a replica that has not seen its newest charge.
    package var nonMonotonicUsage = false
    /// How long `/generation` answers 404 after a call ended, and after one that was cancelled.
    package var generationDelay: Duration = .seconds(1)
    package var cancelledGenerationDelay: Duration = .seconds(3)

    package var usageChunk = UsageChunkShape.rotating
    /// Between two chunks of a stream.
    package var pace: Duration = .milliseconds(5)
    /// Between two keep-alive comments while a stream has nothing to say.
    package var keepAlive: Duration = .seconds(1)
    package var creditsForOrdinaryKeys = OrdinaryCredits.zeros
    /// Fixes ids and keys; nil draws them at random.
    package var seed: UInt64?

    /// Whether a provider stops when a client leaves its stream.
    package var cancellation = CancellationRule.byProvider
    /// Whether calls are served by provider keys of the account's own: then only OpenRouter's fee is charged.
    package var isBYOK = false
    /// That fee, in thousandths of the provider's price.
    package var byokFeePermille = 0
    /// What `service_tier: priority` multiplies token prices by; at least 1.
    package var priorityFactor = 2
    /// Whether the stream of `/messages` ends with the cost in its usage.
    package var showsCostInMessageStreams = false
    /// Whether `/models` lists embedding models too, and not only `/embeddings/models`.
    package var listsEmbeddingModels = false

    package var flavour = Flavour.openRouter
    /// What a server of another flavour serves.
    package var servedModels = [ServedModel(id: "Qwen/Qwen3-8B", contextLength: 32_768)]
    /// The key that a server of another flavour asks for; nil lets everybody in.
    package var serverKey: String?

    package init() {}

    /// Whose API is spoken.
    package enum Flavour: Sendable {
        /// Under `/api/v1`, with everything that this simulator knows.
        case openRouter
        /// Under `/v1`: models, completions and embeddings as vLLM has them, without costs.
        case vllm
        /// The same in the shapes of OpenAI.
        case openAI
    }

    /// A model of a server that is not OpenRouter.
    package struct ServedModel: Sendable, Hashable {
        package var id: String
        /// Tokens of prompt and answer together.
        package var contextLength: Int

        package init(id: String, contextLength: Int) {
            self.id = id
            self.contextLength = contextLength
        }
    }

    package enum CancellationRule: Sendable {
        /// As OpenRouter's list of providers says.
        case byProvider
        case stops
        /// The whole completion is charged.
        case keepsGenerating
    }

    /// What an ordinary key is told by `/credits`: the documentation and recorded answers disagree.
    package enum OrdinaryCredits: Sendable {
        case zeros, forbidden
    }
}

/// The three shapes in which a stream's usage has been seen.
package enum UsageChunkShape: String, Sendable, CaseIterable {
    /// `"choices": []`, as documented.
    case noChoices = "no_choices"
    /// An empty delta with `finish_reason: null`, as in 2025.
    case nullFinish = "null_finish"
    /// An empty delta with the `finish_reason` repeated, and a service tier, as since July 2026.
    case repeatedFinish = "repeated_finish"
    /// One after the other, call by call.
    case rotating

    /// The shape for the call of this number.
    func resolved(call: Int) -> UsageChunkShape {
        guard self == .rotating else { return self }
        return [.repeatedFinish, .noChoices, .nullFinish][call % 3]
    }
}
