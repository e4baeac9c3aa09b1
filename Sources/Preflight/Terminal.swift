import Foundation
import PreflightCore
import Synchronization

/// Where the command's words go: data to standard output, everything else to standard error.
struct Terminal: Sendable {
    static let shared = Terminal()

    /// Data. A reader that went away is no failure of ours.
    func data(_ text: String) { write(text, to: STDOUT_FILENO) }

    /// A piece of data, which need not end a line.
    func pass(data text: String) { write(Array(text.utf8)[...], to: STDOUT_FILENO) }

    /// A word to the person in front; to the board, while one is drawn there.
    func say(_ text: String) {
        if Self.board.tell(text) { return }
        write(text, to: STDERR_FILENO)
    }

    private static let board = Follower<String>()

    /// Where words to the person in front go from now on; nil for standard error.
    static func divert(_ board: (@Sendable (String) -> Void)?) { Self.board.set(board) }

    /// The terminal takes nothing any more: nothing that goes there is said from now on. Files and pipes get all they got.
    static func fallSilent() { isSilent.store(true, ordering: .releasing) }

    private static let isSilent = Atomic<Bool>(false)

    /// What another process says, as it stands.
    func pass(_ bytes: ArraySlice<UInt8>) { write(bytes, to: STDERR_FILENO) }

    var isOutputTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Columns: of the terminal, or as `watch` says in `COLUMNS`, or 80.
    var width: Int {
        var size = winsize()
        if ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 40 { return Int(size.ws_col) }
        if let columns = ProcessInfo.processInfo.environment["COLUMNS"].flatMap({ Int($0) }), columns >= 40 {
            return columns
        }
        return 80
    }

    /// For tables that need no frame around them: a file or a pipe takes long lines.
    var tableWidth: Int { isOutputTerminal ? max(80, width) : 140 }

    func error(_ error: PreflightError) {
        say("error: \(error.message)" + (error.hint.map { "\n\nhint: \($0)" } ?? ""))
    }

    private func write(_ text: String, to descriptor: CInt) {
        write(Array((text.hasSuffix("\n") ? text : text + "\n").utf8)[...], to: descriptor)
    }

    private func write(_ bytes: ArraySlice<UInt8>, to descriptor: CInt) {
        if Self.isSilent.load(ordering: .acquiring), isatty(descriptor) == 1 { return }
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                guard descriptor == STDOUT_FILENO else { return }
                if code == EAGAIN {
                    // Another process has made the pipe or the terminal one that does not wait.
                    var place = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&place, 1, -1)
                    continue
                }
                if !Self.isGone(descriptor, code) { Self.lost.store(code, ordering: .releasing) }
                return
            }
            rest = rest.dropFirst(count)
        }
    }

    private static let lost = Atomic<CInt>(0)

    /// Why data could not be written to standard output, the error's number; nil when all was, or when the last such
    /// failure was taken already.
    static func takeOutputFailure() -> CInt? {
        let code = lost.exchange(0, ordering: .acquiringAndReleasing)
        return code == 0 ? nil : code
    }

    /// Whoever read it has gone: the other end of a pipe, or a terminal.
    private static func isGone(_ descriptor: CInt, _ code: CInt) -> Bool {
        if code == EPIPE { return true }
        var status = stat()
        return code == EIO && fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFCHR
    }
}

/// Says what happens, on a thread of its own: a terminal that is held (Ctrl-S) or a pipe that nobody reads must not hold
/// up a run. What cannot be said in time is dropped; the record has it.
final class Announcer: Sendable {
    private let terminal: Terminal
    private let queue = OperationQueue()

    private static let limit = 1000
    private static let patience = Duration.seconds(1)

    init(_ terminal: Terminal) {
        self.terminal = terminal
        queue.maxConcurrentOperationCount = 1
    }

    func say(_ text: String) {
        guard queue.operationCount < Self.limit else { return }
        queue.addOperation { [terminal] in terminal.say(text) }
    }

    /// Waits until all is said, for a moment at most.
    func finish() async {
        let deadline = ContinuousClock.now + Self.patience
        while queue.operationCount > 0, ContinuousClock.now < deadline {
            try? await ContinuousClock().sleep(for: .milliseconds(5))
        }
    }
}
