import Dispatch
import Foundation
import PreflightCore
import Synchronization

/// Brings SQLite's write-ahead log to the disk: at once, or on a thread of its own while the ledger goes on.
///
/// The ledger's connection leaves that out (`synchronous = NORMAL`), so that it is done where a call need not wait. What
/// a commit has written is the beginning of the log in any case: after a power cut SQLite takes as many whole
/// transactions as are there.
final class LedgerDisk: Sendable {
    /// Brings a file's content to the disk. Returns what the system said, 0 for done.
    typealias Sync = @Sendable (CInt) -> CInt

    /// Each thread has an opening of the file for itself: the system tells of a failed write once for each.
    private let descriptor: CInt
    private let ownDescriptor: CInt
    private let sync: Sync
    private let bell = DispatchSemaphore(value: 0)
    private let hasEnded = DispatchSemaphore(value: 0)
    private let isEnding = Atomic(false)
    /// How many writes of the thread were begun, and are over.
    private let begun = Atomic(0)
    private let done = Atomic(0)
    /// What the system said when it failed first. A failed write is never made good by a later one that succeeds: the
    /// system may have dropped what it could not write.
    private let failed = Atomic<CInt>(0)

    /// - Parameter log: the log's path. It is there while a connection that has written is open.
    init(log path: String, sync: @escaping Sync) throws {
        // SQLite's locks are on other files, so opening and closing this one disturbs none.
        descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw Files.failure("open", path) }
        ownDescriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard ownDescriptor >= 0 else {
            close(descriptor)
            throw Files.failure("open", path)
        }
        self.sync = sync
        let thread = Thread { self.run() }
        thread.name = "preflight-disk"
        thread.start()
    }

    /// All that is written reaches the disk before this returns.
    func reach() throws {
        note(sync(descriptor))
        try check()
    }

    /// The same while the caller goes on; `isBusy` until it is over.
    func begin() {
        begun.add(1, ordering: .relaxed)
        bell.signal()
    }

    var isBusy: Bool { done.load(ordering: .acquiring) != begun.load(ordering: .relaxed) }

    /// The disk has failed once: it is not believed any more.
    var hasFailed: Bool { failed.load(ordering: .acquiring) != 0 }

    /// Throws when the disk has failed once.
    func check() throws {
        let code = failed.load(ordering: .acquiring)
        guard code != 0 else { return }
        throw PreflightError(
            .failed, "the ledger's log could not be brought to the disk: \(String(cString: strerror(code)))",
            hint: "nothing is granted any more; see to the disk and start again")
    }

    /// Ends the thread, after what it has begun. Once.
    func end() {
        isEnding.store(true, ordering: .releasing)
        bell.signal()
        hasEnded.wait()
        close(descriptor)
        close(ownDescriptor)
    }

    private func run() {
        while true {
            bell.wait()
            if done.load(ordering: .relaxed) != begun.load(ordering: .acquiring) {
                note(sync(ownDescriptor))
                done.add(1, ordering: .releasing)
            } else if isEnding.load(ordering: .acquiring) {
                hasEnded.signal()
                return
            }
        }
    }

    private func note(_ code: CInt) {
        if code != 0 { _ = failed.compareExchange(expected: 0, desired: code, ordering: .acquiringAndReleasing) }
    }

    /// By the system.
    static let live: Sync = { descriptor in
        while true {
            #if canImport(Darwin)
                let code = fsync(descriptor)
            #else
                let code = fdatasync(descriptor)
            #endif
            if code == 0 { return 0 }
            if errno != EINTR { return errno }
        }
    }
}
