import Foundation
import PreflightCore

/// Says that a harness lives: the system lets go of it with the process, however that ends.
package final class HarnessLock: Sendable {
    private let descriptor: CInt

    /// Takes the lock, or throws when another living process holds it.
    package init(path: String) throws {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Files.failure("open", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw PreflightError(
                .refused, "another preflight process runs this run, or sweeps what it left (\(path) is held)")
        }
        self.descriptor = descriptor
        let text = Array("\(getpid())\n".utf8)
        ftruncate(descriptor, 0)
        try Files.write(text, to: descriptor, path: path)
    }

    /// Keeps everybody from taking up a run whose harness is dead, as long as this lives. Several may do so at once,
    /// and the run counts as dead all the same. The file stays as it is: a full disk has no room for a word in it. Nil
    /// where the lock cannot be had.
    package init?(ofDead path: String) {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        guard flock(descriptor, LOCK_SH | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Whether the file at `path` is still the one that is locked.
    package func isInPlace(_ path: String) -> Bool {
        var own = stat()
        var present = stat()
        return fstat(descriptor, &own) == 0 && stat(path, &present) == 0 && own.st_ino == present.st_ino
            && own.st_dev == present.st_dev
    }

    package enum Holder: Sendable, Equatable {
        case living
        case nobody
        /// There is no such file: nothing can be said.
        case unknown
    }

    /// Whether a living process holds the lock at `path`.
    package static func holder(path: String) -> Holder {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return errno == ENOENT ? .unknown : .living }
        defer { close(descriptor) }
        // A shared lock, so that two who ask at once do not take each other for the holder.
        guard flock(descriptor, LOCK_SH | LOCK_NB) == 0 else { return .living }
        return .nobody
    }
}
