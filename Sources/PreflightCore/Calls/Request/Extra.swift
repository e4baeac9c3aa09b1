/// Something in a request that can cost beyond its tokens, or that steers which price they have.
package struct Extra: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// A tool that the server runs within the call: `openrouter:web_search`, `code_interpreter`, `mcp` …
        case serverTool = "server_tool"
        case plugin
        /// A suffix of the model's name that changes routing: `:online`, `:nitro`, `:floor`.
        case routing
        case webSearch = "web_search"
        /// A service tier, or a provider's endpoint of one, that is not the ordinary one.
        case tier
        case preset
        /// The answer may hold sound or images.
        case output
        /// Input that is priced by other rates than text: sound, video, files.
        case input
        /// The request leans on something that the server keeps: an earlier answer, a file, a stored prompt.
        case state
        /// Rejected predicted tokens are charged as output.
        case prediction
        case container
        case contextManagement = "context_management"
        /// Prompt tokens are written to a cache that lives for an hour, at a price of its own.
        case hourCache = "hour_cache"
        /// A template that writes the prompt by itself.
        case template
        /// A wrapper of unknown members.
        case wrapper
    }

    package var kind: Kind
    /// Which one, as the request says it: a tool's type, a plugin's id, a tier. May be empty; at most 64 characters.
    package var detail: String

    package init(_ kind: Kind, _ detail: String = "") {
        self.kind = kind
        self.detail = String(detail.prefix(64))
    }

    /// What allowances call it: `plugin:web`, or `prediction`.
    package var name: String { detail.isEmpty ? kind.rawValue : "\(kind.rawValue):\(detail)" }
    package var description: String { name }
}

extension Extra {
    /// Plugins that only change what is sent or received, and cost nothing by themselves.
    static let harmlessPlugins: Set<String> = ["response-healing", "context-compression", "moderation"]

    /// Tiers at the listed price or below.
    static let ordinaryTiers: Set<String> = ["auto", "default", "flex", "standard", "standard_only"]

    static let dearTiers: Set<String> = ["priority", "fast", "scale"]

    /// Tools that the caller runs, although the server defines them: only their descriptions cost, as prompt.
    static func isRunByCaller(_ type: String) -> Bool {
        switch type {
        case "function", "custom", "local_shell", "apply_patch", "computer_use_preview": true
        default: ["bash_", "text_editor_", "computer_", "memory_"].contains { type.hasPrefix($0) }
        }
    }
}
