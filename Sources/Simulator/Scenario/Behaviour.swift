/// Scripts any model can be given by name.
package enum Behaviour: String, Sendable, CaseIterable {
    /// Answers any prompt with a short text; calls a tool only when told to.
    case echoes
    case solvesQuickly = "solves_quickly"
    case solvesSlowly = "solves_slowly"
    /// Thinks at great length, so that a small budget is gone in a few turns.
    case spendsHeavily = "spends_heavily"
    /// Makes the same failing call for ever.
    case loops
    /// Looks around once and is never heard of again.
    case goesSilent = "goes_silent"
    /// Has a tool kill the process that runs it.
    case crashes
    /// Reads for ever, always something else, and writes nothing.
    case makesNoProgress = "makes_no_progress"
    /// Its provider refuses every call.
    case fails
    /// Says it is done without having done anything.
    case givesUp = "gives_up"
}

extension Scenario {
    /// Every model echoes.
    package static let echo = Scenario(name: "echo", scripts: ["*": Behaviour.echoes.script])

    /// A field in which everything happens that can happen to an agent.
    package static let fates = Scenario(
        name: "fates",
        scripts: [
            "meta-llama/llama-3.3-70b-instruct": Behaviour.solvesQuickly.script,
            "google/gemini-2.5-flash": Behaviour.solvesSlowly.script,
            "anthropic/claude-sonnet-4.5": Behaviour.spendsHeavily.script,
            "openai/gpt-4.1-mini": Behaviour.loops.script,
            "deepseek/deepseek-chat-v3.1": Behaviour.goesSilent.script,
            "mistralai/mistral-small-3.2-24b-instruct": Behaviour.crashes.script,
            "qwen/qwen3-coder": Behaviour.makesNoProgress.script,
            "z-ai/glm-4.6": Behaviour.fails.script,
            "openai/gpt-5-mini": Behaviour.givesUp.script,
            "*": Behaviour.echoes.script,
        ])
}
