import Foundation

/// Keeps calls to this machine's own servers away from the proxy that the environment names for other places.
enum ProxyExemption {
    static let loopback = ["127.0.0.1", "localhost", "::1"]

    /// For the whole process, and before its first connection: the environment is read then, and by other threads.
    static func add(_ hosts: [String], environment: [String: String] = ProcessInfo.processInfo.environment) {
        let list = list(hosts, over: environment)
        for name in ["no_proxy", "NO_PROXY"] { setenv(name, list, 1) }
    }

    /// Of the two names the one in small letters goes first, where it is not empty.
    static func list(_ hosts: [String], over environment: [String: String]) -> String {
        let present = ["no_proxy", "NO_PROXY"].compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        // Only by itself does it stand for every host.
        if present.trimmingCharacters(in: .whitespaces) == "*" { return "*" }
        var list = present.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        for host in loopback + hosts where !list.contains(host) { list.append(host) }
        return list.joined(separator: ",")
    }
}
