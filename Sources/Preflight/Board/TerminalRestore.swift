import Foundation
import Reports
import Synchronization

/// Gives a terminal back as it was, however this process ends; SIGKILL alone cannot be answered.
///
/// Everything here may be called from a signal handler: no lock, no memory taken.
enum TerminalRestore {
    private static let isTaken = Atomic<Bool>(false)
    // Written before `isTaken` is set, and only read while it is.
    private nonisolated(unsafe) static var output: CInt = -1
    private nonisolated(unsafe) static var input: CInt = -1
    private nonisolated(unsafe) static var modes = termios()

    private static let crashes = [SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGQUIT]

    /// Remembers how the terminal is, and takes care of it from now on.
    ///
    /// - Parameter input: where keys come from; nil where that is no terminal.
    static func begin(output: CInt, input: CInt?) {
        self.output = output
        self.input = -1
        if let input, tcgetattr(input, &modes) == 0 { self.input = input }
        _ = leaveAtExit
        // A process that goes on in the background gives the terminal back too, and must not be stopped for it.
        signal(SIGTTOU, SIG_IGN)
        isTaken.store(true, ordering: .sequentiallyConsistent)
        for number in crashes {
            signal(number) { number in
                TerminalRestore.now()
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }

    /// Puts everything back; once.
    static func now() {
        guard isTaken.exchange(false, ordering: .sequentiallyConsistent) else { return }
        if input >= 0 { tcsetattr(input, TCSANOW, &modes) }
        let bytes = BoardPatch.leave
        var written = 0
        while written < bytes.utf8CodeUnitCount {
            // One that takes nothing must not keep a process from its end.
            var request = pollfd(fd: output, events: Int16(POLLOUT), revents: 0)
            guard poll(&request, 1, 1000) > 0 else { return }
            let count = write(output, bytes.utf8Start + written, bytes.utf8CodeUnitCount - written)
            if count < 0, errno != EINTR { return }
            written += max(0, count)
        }
    }

    /// The same where this process goes on.
    static func end() {
        now()
        for number in crashes + [SIGTTOU] { signal(number, SIG_DFL) }
    }

    private static let leaveAtExit: Void = { atexit { TerminalRestore.now() } }()
}
