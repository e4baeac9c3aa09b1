import Synchronization

/// Who is told of something, if anybody; can be changed at any time, on any thread.
package final class Follower<News: Sendable>: Sendable {
    /// A function that is itself what a lock guards gains a layer whenever it is read, since it is handed out in one form
    /// and put back in another: after some thousand calls the stack is full. In a structure it stays what it is.
    private struct Ear {
        let take: @Sendable (News) -> Void
    }

    private let ear = Mutex<Ear?>(nil)

    package init() {}

    /// Nil for no one.
    package func set(_ take: (@Sendable (News) -> Void)?) { ear.withLock { $0 = take.map(Ear.init(take:)) } }

    /// Returns whether anybody was there to tell.
    @discardableResult
    package func tell(_ news: News) -> Bool {
        guard let ear = ear.withLock({ $0 }) else { return false }
        ear.take(news)
        return true
    }
}
