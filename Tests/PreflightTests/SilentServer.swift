import Foundation
import PreflightCore

/// A port of this machine at which connections are taken, and never answered.
final class SilentServer: Sendable {
    let port: Int
    private let descriptor: CInt

    init() throws {
        #if os(Linux)
            let stream = CInt(SOCK_STREAM.rawValue)
        #else
            let stream = SOCK_STREAM
        #endif
        let descriptor = socket(AF_INET, stream, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isOpen = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
                bind(descriptor, place, size) == 0 && listen(descriptor, 8) == 0
                    && getsockname(descriptor, place, &size) == 0
            }
        }
        self.descriptor = descriptor
        port = Int(UInt16(bigEndian: address.sin_port))
        guard isOpen else { throw PreflightError(.failed, "no port: \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    /// Somebody has connected.
    var wasCalled: Bool {
        var place = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&place, 1, 0) > 0
    }
}
