import Synchronization

/// What a field itself could not give back, for its receipt.
final class LeftBehind: Sendable {
    private let things = Mutex<[String]>([])

    var all: [String] { things.withLock { $0 } }
    func note(_ thing: String) { things.withLock { $0.append(thing) } }
}
