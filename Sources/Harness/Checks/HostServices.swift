import Foundation
import PreflightCore

/// What of this machine a container on a closed network could still reach: its own address on that network is there
/// for the gateway, and whatever listens on all addresses listens on that one too.
enum HostServices {
    static func check() -> CheckResult {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].compactMap { try? String(contentsOfFile: $0, encoding: .utf8) }
        guard !tables.isEmpty else {
            return CheckResult("host_services", .skip, "this system does not tell what listens on it")
        }
        let ports = Set(tables.flatMap(openPorts(in:))).sorted()
        guard !ports.isEmpty else {
            return CheckResult("host_services", .pass, "nothing listens on all addresses of this machine")
        }
        let list = ports.prefix(12).map(String.init).joined(separator: ", ") + (ports.count > 12 ? ", …" : "")
        return CheckResult(
            "host_services", .warn,
            "containers could reach \(ports.count == 1 ? "port" : "ports") \(list) of this machine",
            hint: "bind these services to 127.0.0.1, or close the ports to Docker's networks in the firewall")
    }

    /// Ports of TCP listeners on all addresses, from a table as Linux's `/proc/net/tcp` has it.
    static func openPorts(in table: String) -> [Int] {
        table.split(separator: "\n").dropFirst().compactMap { line in
            let columns = line.split(separator: " ", omittingEmptySubsequences: true)
            // 0A is LISTEN.
            guard columns.count > 3, columns[3] == "0A" else { return nil }
            let address = columns[1].split(separator: ":")
            guard address.count == 2, address[0].allSatisfy({ $0 == "0" }) else { return nil }
            return Int(address[1], radix: 16)
        }
    }
}
