package import PreflightCore
import Synchronization

/// What models cost at each upstream, as of now. Reloaded while calls run; a call keeps the prices it was reserved at.
package final class PriceBook: Sendable {
    private let lists = Mutex<[String: List]>([:])

    package init() {}

    /// The prices of one upstream, which may not have been read yet.
    final class List: Sendable {
        private let catalogue = Mutex<Catalogue?>(nil)

        var current: Catalogue? { catalogue.withLock { $0 } }
        fileprivate func set(_ new: Catalogue) { catalogue.withLock { $0 = new } }
    }

    func list(of upstream: String) -> List {
        lists.withLock { lists in
            if let list = lists[upstream] { return list }
            let list = List()
            lists[upstream] = list
            return list
        }
    }

    /// Prices of an upstream that lists them itself, or of a table that changed.
    package func set(_ catalogue: Catalogue, of upstream: String) { list(of: upstream).set(catalogue) }
}
