import Console
import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

/// Servers that end while connections come in.
@Suite struct EndingServerTests {
    @Test func `a server that ends while connections come in ends its connections, and not the process`() async throws {
        try await withTemporaryDirectory { path in
            let doors = DashboardDoors(runs: RunsDirectory(path: path), now: { DashboardBench.start })
            let options = DashboardOptions(token: Secret("t"), version: "1")
            for round in 0..<60 {
                var sockets: [CInt] = []
                try await DashboardServer.withServer(options, doors: doors) { bound in
                    for _ in 0...round % 20 { sockets.append(try connection(to: bound.port)) }
                }
                for socket in sockets {
                    // A connection that is not closed would keep its reader until the timeout.
                    #expect(read(socket) <= 0)
                    close(socket)
                }
            }
        }
    }

    /// Accepted by the system before the server has looked at it.
    private func connection(to port: Int) throws -> CInt {
        #if canImport(Glibc)
            let opened = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            let opened = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(opened, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
        return opened
    }

    private func read(_ socket: CInt) -> Int {
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var byte: UInt8 = 0
        let count = recv(socket, &byte, 1, 0)
        // Reset is an end too; only waiting for it in vain is none.
        return count < 0 && errno == EAGAIN ? 1 : count
    }
}
