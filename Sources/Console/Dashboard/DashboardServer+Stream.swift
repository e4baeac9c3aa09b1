import PreflightCore
import Synchronization

extension DashboardServer {
    /// A run as server-sent events: what changed since the last one, once a second at most, until the run ends.
    func stream(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        let watch = try await watch(call)
        guard await shelf.beginFollowing() else {
            throw ConsoleFailure(503, "too many follow runs already", hint: "close a page")
        }
        let seen = watch.version(fromEventID: call.lastEventID)
        let seat = Seat(shelf)
        let bounds = options.bounds
        return ConsoleAnswer(
            .stream {
                let follower = RunFollower(watch: watch, version: seen, bounds: bounds, seat: seat)
                // Made when it is asked for: nothing waits for those who read slowly.
                return AsyncStream { await follower.next() }
            })
    }
}

/// A place among the followers; given back when the last who holds it is gone, however its connection ended.
private final class Seat: Sendable {
    private let shelf: RunShelf

    init(_ shelf: RunShelf) { self.shelf = shelf }

    deinit {
        let shelf = shelf
        Task { await shelf.endFollowing() }
    }
}

/// One who follows a run: what it has seen, and what it is told next.
private actor RunFollower {
    private let watch: RunWatch
    private let bounds: DashboardOptions.Bounds
    private let seat: Seat
    private var version: Int?
    private var hasBegun = false
    private var isOver = false

    init(watch: RunWatch, version: Int?, bounds: DashboardOptions.Bounds, seat: Seat) {
        self.watch = watch
        self.version = version
        self.bounds = bounds
        self.seat = seat
    }

    /// The next piece of text; nil at the end.
    func next() async -> String? {
        guard !isOver else { return nil }
        if !hasBegun {
            hasBegun = true
            return "retry: 2000\n: following\n\n" + (await told() ?? "")
        }
        let quiet = ContinuousClock.now
        while !Task.isCancelled {
            do { try await Task.sleep(for: bounds.pace) } catch { return nil }
            // A record that cannot be read for a moment is no reason to go.
            try? await watch.refresh()
            if let text = await told() { return text }
            if ContinuousClock.now - quiet >= bounds.heartbeat { return ": still here\n\n" }
        }
        return nil
    }

    private func told() async -> String? {
        let news = await watch.news(since: version)
        version = news.version
        var text = news.parts.map { "id: \(news.id)\nevent: run\ndata: \($0.text)\n\n" } ?? ""
        if news.isOver {
            isOver = true
            text += "id: \(news.id)\nevent: end\ndata: {}\n\n"
        }
        return text.isEmpty ? nil : text
    }
}
