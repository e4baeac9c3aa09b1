import Foundation
import NIOCore
import NIOPosix

/// Finds the addresses of a host for one connection, and leaves out those of this machine and of private networks, so
/// that nothing is sent there, not even the beginning of a connection.
///
/// Used on one event loop; looking up blocks a thread of NIO's pool instead.
final class OutsideResolver: Resolver, @unchecked Sendable {
    private let loop: any EventLoop
    private let ownAddresses: @Sendable () throws -> [SocketAddress]
    private var found: EventLoopFuture<Found>?
    /// The host has addresses, and may not be reached by any of them.
    private(set) var hasRefused = false

    private struct Found: Sendable {
        var four: [SocketAddress] = []
        var six: [SocketAddress] = []
        var hasRefused = false
    }

    private struct UnknownName: Error, CustomStringConvertible {
        var description: String
    }

    init(loop: any EventLoop, ownAddresses: @escaping @Sendable () throws -> [SocketAddress]) {
        self.loop = loop
        self.ownAddresses = ownAddresses
    }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        find(host, port).map(\.six)
    }

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        find(host, port).map(\.four)
    }

    func cancelQueries() {}

    /// Both kinds at once.
    private func find(_ host: String, _ port: Int) -> EventLoopFuture<Found> {
        if let found { return found }
        let ownAddresses = ownAddresses
        let found = NIOThreadPool.singleton.runIfActive(eventLoop: loop) {
            Self.judge(try Self.addresses(of: host, port), own: try ownAddresses())
        }
        self.found = found
        // Known before anybody who asked hears of the addresses.
        found.whenSuccess { self.hasRefused = $0.hasRefused }
        return found
    }

    private static func judge(_ addresses: [SocketAddress], own: [SocketAddress]) -> Found {
        let own = Set(own.compactMap(\.ipAddress))
        let outside = addresses.filter { !$0.isPrivate && !own.contains($0.ipAddress ?? "") }
        return Found(
            four: outside.filter { $0.protocol == .inet }, six: outside.filter { $0.protocol == .inet6 },
            hasRefused: outside.isEmpty && !addresses.isEmpty)
    }

    /// In the order in which the system would try them.
    private static func addresses(of host: String, _ port: Int) throws -> [SocketAddress] {
        var list: UnsafeMutablePointer<addrinfo>?
        var hints = addrinfo()
        hints.ai_protocol = CInt(IPPROTO_TCP)
        let status = getaddrinfo(host, String(port), &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard status == 0 else { throw UnknownName(description: String(cString: gai_strerror(status))) }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            guard let address = UnsafeRawPointer(entry.ai_addr) else { continue }
            switch NIOBSDSocket.AddressFamily(rawValue: entry.ai_family) {
            case .inet: addresses.append(SocketAddress(address.load(as: sockaddr_in.self), host: host))
            case .inet6: addresses.append(SocketAddress(address.load(as: sockaddr_in6.self), host: host))
            default: continue
            }
        }
        return addresses
    }
}

extension SocketAddress {
    /// Loopback, link-local, private or otherwise of this machine's surroundings.
    var isPrivate: Bool {
        guard let text = ipAddress else { return true }
        let parts = text.split(separator: ".").compactMap { Int($0) }
        if parts.count == 4, !text.contains(":") {
            switch (parts[0], parts[1]) {
            case (0, _), (10, _), (127, _), (169, 254), (172, 16...31), (192, 168), (100, 64...127), (198, 18...19),
                (224..., _):
                return true
            default: return false
            }
        }
        let lower = text.lowercased()
        return lower == "::1" || lower == "::" || lower.hasPrefix("fe8") || lower.hasPrefix("fe9")
            || lower.hasPrefix("fea") || lower.hasPrefix("feb") || lower.hasPrefix("fc") || lower.hasPrefix("fd")
            || lower.hasPrefix("::ffff:")
    }
}

extension Channel {
    /// Both ends have one address.
    var leadsToItsOwnMachine: Bool {
        guard let here = localAddress?.ipAddress, let there = remoteAddress?.ipAddress else { return true }
        return here == there
    }
}
