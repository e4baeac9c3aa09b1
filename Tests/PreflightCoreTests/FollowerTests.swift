import PreflightCore
import Synchronization
import TestSupport
import Testing

@Suite struct FollowerTests {
    /// How far down the stack the one who is told stands.
    private func depth(_ follower: Follower<[Int]>) -> Int {
        let place = Mutex(0)
        follower.set { _ in
            var here = 0
            let address = withUnsafePointer(to: &here) { Int(bitPattern: $0) }
            place.withLock { $0 = address }
        }
        func told() -> Int {
            follower.tell([1])
            return place.withLock { $0 }
        }
        let first = told()
        for _ in 0..<2000 { _ = told() }
        return first - told()
    }

    @Test func `who is told for the two-thousandth time stands no deeper than the first time`() {
        let follower = Follower<[Int]>()
        #expect(depth(follower) == 0)
        follower.set(nil)
        #expect(!follower.tell([1]))
    }
}
