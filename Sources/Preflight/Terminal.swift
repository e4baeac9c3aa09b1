import Foundation
import PreflightCore

/// Where the command's words go: data to standard output, everything else to standard error.
struct Terminal: Sendable {
    static let shared = Terminal()

    /// Data. A reader that went away is no failure of ours.
    func data(_ text: String) { write(text, to: STDOUT_FILENO) }

    /// A word to the person in front.
    func say(_ text: String) { write(text, to: STDERR_FILENO) }

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
        let bytes = Array((text.hasSuffix("\n") ? text : text + "\n").utf8)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return
            }
            rest = rest.dropFirst(count)
        }
    }
}
