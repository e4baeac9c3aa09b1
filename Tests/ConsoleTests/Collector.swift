import Foundation
import Synchronization

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Gathers what a stream has sent so far.
final class Collector: NSObject, URLSessionDataDelegate, Sendable {
    static let shared = Collector()
    private let received = Mutex(Data())

    var text: String { received.withLock { String(decoding: $0, as: UTF8.self) } }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        received.withLock { $0.append(data) }
    }
}
