import Dispatch
import Foundation
import PreflightCore
import Reports
import Synchronization

/// The terminal that a board is drawn on: its size, its keys and its signals. All that it writes is written on a queue of
/// its own, since a terminal may be held (Ctrl-S).
final class BoardTerminal: Sendable {
    enum Input: Sendable {
        case keys([BoardKey])
        /// Its size has changed, or it was somebody else's for a while.
        case redraw
    }

    private let output: CInt
    private let input: CInt?
    private let isColoured: Bool
    private let take: @Sendable (Input) -> Void
    private let queue = DispatchQueue(label: "preflight.board")
    // Used on the queue only.
    private nonisolated(unsafe) var patch: BoardPatch
    private nonisolated(unsafe) var signals: [any DispatchSourceSignal] = []
    private nonisolated(unsafe) var keys: (any DispatchSourceRead)?
    private nonisolated(unsafe) var isOpen = false
    /// The terminal is ours now, and not a shell's that we were put aside in.
    private nonisolated(unsafe) var isShown = false

    /// Whether a board can be drawn there: a terminal that can move its cursor, and that is ours to write to.
    static func canDraw(on descriptor: CInt, environment: [String: String]) -> Bool {
        guard isatty(descriptor) == 1, let term = environment["TERM"], !term.isEmpty, term != "dumb" else {
            return false
        }
        return isInFront(descriptor)
    }

    /// Not in the background of a shell, where a process that touches its terminal is stopped. A terminal that is not our
    /// own has no such thing.
    private static func isInFront(_ descriptor: CInt) -> Bool {
        let group = tcgetpgrp(descriptor)
        return group < 0 || group == getpgrp()
    }

    /// - Parameter take: told of keys and changes, on some thread.
    init(output: CInt, environment: [String: String], take: @escaping @Sendable (Input) -> Void) {
        self.output = output
        let hasKeys = isatty(STDIN_FILENO) == 1 && tcgetpgrp(STDIN_FILENO) == getpgrp()
        input = hasKeys ? STDIN_FILENO : nil
        isColoured = (environment["NO_COLOR"] ?? "").isEmpty
        patch = BoardPatch(isColoured: isColoured)
        self.take = take
    }

    var hasKeys: Bool { input != nil }

    var size: BoardFrame.Size {
        var size = winsize()
        guard ioctl(output, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return .init(columns: 80, rows: 24)
        }
        return .init(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }

    func open() {
        queue.sync {
            isOpen = true
            acquire()
            watch(SIGWINCH) { [self] in
                patch.forget()
                take(.redraw)
            }
            watch(SIGCONT) { [self] in resume() }
            watch(SIGTSTP) { [self] in suspend() }
        }
    }

    /// Shows a frame; returns when the terminal has taken it.
    func show(_ lines: [BoardLine]) async {
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                // After `bg` and `fg` nobody tells us.
                if isOpen, !isShown, isInFront { acquire() }
                if isShown { write(patch.text(to: lines)) }
                continuation.resume()
            }
        }
    }

    /// Gives the terminal back. Its modes are back at once; what it shows follows as soon as it takes anything.
    func close() async {
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                isOpen = false
                release()
                for source in signals { source.cancel() }
                signals = []
                for number in [SIGWINCH, SIGCONT, SIGTSTP] { signal(number, SIG_DFL) }
                continuation.resume()
            }
        }
    }

    /// Ends a hold by Ctrl-S, so that the terminal can be given back. Does not wait.
    func letGo() {
        tcflow(output, TCOOFF)
        tcflow(output, TCOON)
    }

    // MARK: On the queue

    private var isInFront: Bool { Self.isInFront(output) }

    private func watch(_ number: CInt, _ body: @escaping @Sendable () -> Void) {
        // A source sees the signal only when the process is not stopped by it first.
        if number == SIGTSTP { signal(number, SIG_IGN) }
        let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
        source.setEventHandler { body() }
        source.resume()
        signals.append(source)
    }

    private func acquire() {
        isShown = true
        TerminalRestore.begin(output: output, input: input)
        var modes = termios()
        if let input, tcgetattr(input, &modes) == 0 {
            // Ctrl-C, Ctrl-Z and Ctrl-S stay what they are.
            modes.c_lflag &= ~tcflag_t(ICANON | ECHO)
            tcsetattr(input, TCSANOW, &modes)
            let source = DispatchSource.makeReadSource(fileDescriptor: input, queue: queue)
            source.setEventHandler { [weak self] in self?.readKeys(input) }
            source.resume()
            keys = source
        }
        patch.forget()
        write(BoardPatch.enter)
    }

    private func release() {
        keys?.cancel()
        keys = nil
        if isShown { TerminalRestore.end() }
        isShown = false
    }

    /// Ctrl-Z: the terminal is the shell's until we go on.
    private func suspend() {
        release()
        signal(SIGTSTP, SIG_DFL)
        kill(getpid(), SIGTSTP)
    }

    private func resume() {
        signal(SIGTSTP, SIG_IGN)
        // Whoever stopped us by SIGSTOP may have left the terminal in any state.
        release()
        // In the background of its shell it would be stopped for touching the terminal.
        if isInFront { acquire() }
        take(.redraw)
    }

    private func readKeys(_ input: CInt) {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(input, &bytes, bytes.count)
        // A terminal that has gone away would be ready for ever.
        guard count > 0 else {
            if count == 0 || errno != EINTR { keys?.cancel() }
            return
        }
        let keys = BoardKey.read(bytes[..<count])
        if !keys.isEmpty { take(.keys(keys)) }
    }

    private func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(output, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return
            }
            rest = rest.dropFirst(count)
        }
    }
}
