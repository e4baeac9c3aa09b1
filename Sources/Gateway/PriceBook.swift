package import PreflightCore
import Synchronization

/// What models cost at each upstream, as of now. Reloaded while calls run; a call keeps the prices it was reserved at.
package final class PriceBook: Sendable {
    private let lists = Mutex<[String: Catalogue]>([:])

    package init() {}

    /// Prices of an upstream that lists them itself, or of a table that changed.
    package func set(_ catalogue: Catalogue, of upstream: String) { lists.withLock { $0[upstream] = catalogue } }

    /// Nil where the upstream's prices were never read.
    package func catalogue(of upstream: Upstream) -> Catalogue? {
        switch upstream.pricing {
        case .listed: lists.withLock { $0[upstream.name] }
        case .table(let table): lists.withLock { $0[upstream.name] } ?? table
        case .free: nil
        }
    }
}
