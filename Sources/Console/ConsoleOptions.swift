package import PreflightCore

/// Where the console listens and who may change things.
package struct ConsoleOptions: Sendable {
    package var host: String
    /// 0 lets the system choose.
    package var port: Int
    package var token: Secret
    package var version: String
    /// What `POST /api/chat` calls when the request names no model.
    package var chatModel: String?
    package var bounds = Bounds()

    package init(
        host: String = "127.0.0.1", port: Int = 0, token: Secret, version: String,
        chatModel: String? = nil
    ) {
        self.host = host
        self.port = port
        self.token = token
        self.version = version
        self.chatModel = chatModel
    }

    /// What a peer can make us keep.
    package struct Bounds: Sendable {
        package var body = 8 << 20
        package var connections = 256
        /// Who follows events at once.
        package var followers = 32
        /// Events that wait for a follower who reads slowly; older ones are dropped.
        package var backlog = 512
        /// Calls that one answer lists.
        package var calls = 1000
        /// Scopes that metrics name.
        package var scopes = 1000
        /// How long the ledger is not looked at again for who asks how it is.
        package var healthLife = Duration.seconds(1)

        package init() {}
    }

    /// Only this machine reaches it. `0.0.0.0` is no such address.
    var isLoopback: Bool { LoopbackName.matches(host) }
}

/// Names that only ever mean this machine, as browsers and servers take them.
enum LoopbackName {
    static func matches(_ host: String) -> Bool {
        let host = host.lowercased()
        if host == "localhost" || host == "::1" || host == "[::1]" { return true }
        // Four numbers: a name such as 127.0.0.1.example.com is anybody's.
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// The name in a `Host` field or an origin, without its port.
    static func name(inAuthority text: some StringProtocol) -> String {
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") { return String(text[...end]) }
        return String(text.prefix { $0 != ":" })
    }
}
