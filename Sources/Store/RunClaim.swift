import Foundation
import PreflightCore
import Synchronization

/// The sole right to begin a run of a name, from before anything is made for it.
///
/// It is the run's directory with its lock in it, and nothing else. A process that dies before the journal knows of its
/// run leaves that, and whoever begins a run of this name next inherits it with what was made by then.
package final class RunClaim: Sendable {
    package let directory: RunDirectory
    /// Somebody claimed the name before, and died.
    package let isInherited: Bool
    private let lock: HarnessLock
    private let isUsed = Mutex(false)

    /// - Throws: `usage` where there is a run of that name, `refused` where another process is beginning one.
    package init(_ directory: RunDirectory) throws {
        self.directory = directory
        guard Self.isBare(directory) else { throw Self.taken(directory) }
        let before = Self.file(directory.harnessLockPath)
        try Files.createDirectory(directory.path)
        lock = try HarnessLock(path: directory.harnessLockPath)
        // Who held it until now may have gone further, or given it up.
        guard Self.isBare(directory), lock.isInPlace(directory.harnessLockPath) else { throw Self.taken(directory) }
        // Not one that was given up meanwhile and made anew.
        isInherited = before != nil && before == Self.file(directory.harnessLockPath)
    }

    private static func file(_ path: String) -> UInt64? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.systemFileNumber] as? UInt64
    }

    /// From now on something is made for the run: what a crash leaves of the claim says by whom.
    package func use() { isUsed.withLock { $0 = true } }

    /// Leaves no directory of a run that did not begin, unless something may have been made for it.
    package func giveUp() {
        guard !isUsed.withLock({ $0 }), !isInherited else { return }
        unlink(directory.harnessLockPath)
        rmdir(directory.path)
    }

    private static func isBare(_ directory: RunDirectory) -> Bool {
        guard Files.exists(directory.path) else { return true }
        let lock = (directory.harnessLockPath as NSString).lastPathComponent
        return Files.isDirectory(directory.path) && Files.list(directory.path).allSatisfy { $0 == lock }
    }

    private static func taken(_ directory: RunDirectory) -> PreflightError {
        PreflightError(
            .usage, "there is a run \(directory.id) already", hint: "choose another --run-id, or leave it out")
    }
}
