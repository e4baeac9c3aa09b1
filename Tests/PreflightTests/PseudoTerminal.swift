import Foundation
import PreflightCore

/// A command on a terminal of its own, and what a person in front of it sees.
final class PseudoTerminal {
    private let main: CInt
    /// Kept open, so that its modes can be read after the command is gone.
    private let side: CInt
    let process: pid_t
    private(set) var screen: TerminalScreen
    /// All bytes that the command has written.
    private(set) var written: [UInt8] = []

    // Linux's own, which the C module does not have: TIOCSPTLCK, TIOCGPTN, POSIX_SPAWN_SETSID.
    private static let lock: UInt = 0x4004_5431
    private static let number: UInt = 0x8004_5430
    private static let newSession: Int16 = 0x80

    init(_ command: [String], environment: [String: String], columns: Int = 100, rows: Int = 24) throws {
        main = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var number: CInt = 0
        var isLocked: CInt = 0
        guard main >= 0, ioctl(main, Self.lock, &isLocked) == 0, ioctl(main, Self.number, &number) == 0 else {
            throw PreflightError(.failed, "no pseudo terminal")
        }
        let path = "/dev/pts/\(number)"
        side = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        screen = TerminalScreen(columns: columns, rows: rows)
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(main, UInt(TIOCSWINSZ), &size)

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The first terminal that the leader of a session opens becomes its own.
        posix_spawn_file_actions_addopen(&actions, 0, path, O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        posix_spawn_file_actions_adddup2(&actions, 0, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Self.newSession)
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var process: pid_t = 0
        let result = posix_spawn(&process, command[0], &actions, &attributes, &arguments, &variables)
        guard result == 0 else { throw PreflightError(.failed, "\(command[0]) did not start: \(result)") }
        self.process = process
    }

    deinit {
        kill(process, SIGKILL)
        var status: CInt = 0
        waitpid(process, &status, 0)
        close(main)
        close(side)
    }

    func type(_ text: String) { _ = Array(text.utf8).withUnsafeBytes { write(main, $0.baseAddress, $0.count) } }

    func resize(columns: Int, rows: Int) {
        screen.resize(columns: columns, rows: rows)
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(main, UInt(TIOCSWINSZ), &size)
    }

    /// Reads until what is seen is as wanted; false where that does not come.
    func wait(seconds: Int32 = 30, until isThere: (TerminalScreen) -> Bool) async -> Bool {
        let deadline = ContinuousClock.now + .seconds(Int(seconds))
        while !isThere(screen) {
            guard ContinuousClock.now < deadline, await look() else { return isThere(screen) }
        }
        return true
    }

    /// Reads until the command is gone; its exit status, or 256 and more by the signal that ended it.
    func end(seconds: Int = 30) async -> Int32? {
        let deadline = ContinuousClock.now + .seconds(seconds)
        var status: CInt = 0
        while ContinuousClock.now < deadline {
            _ = await look()
            guard waitpid(process, &status, WNOHANG) == process else { continue }
            while take() == .some {}
            return status & 0x7F == 0 ? (status >> 8) & 0xFF : 256 + (status & 0x7F)
        }
        return nil
    }

    /// The same where nothing is read any more.
    func endUnread(seconds: Int = 30) async -> Int32? {
        let deadline = ContinuousClock.now + .seconds(seconds)
        var status: CInt = 0
        while ContinuousClock.now < deadline {
            if waitpid(process, &status, WNOHANG) == process {
                return status & 0x7F == 0 ? (status >> 8) & 0xFF : 256 + (status & 0x7F)
            }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return nil
    }

    /// Whether the terminal would take more.
    var takesMore: Bool {
        var request = pollfd(fd: side, events: Int16(POLLOUT), revents: 0)
        return poll(&request, 1, 0) > 0
    }

    var modes: termios {
        var modes = termios()
        tcgetattr(side, &modes)
        return modes
    }

    /// Whether keys come one by one and unseen.
    var isRaw: Bool { modes.c_lflag & tcflag_t(ICANON | ECHO) == 0 }

    private enum Taken { case some, none, ended }

    /// Reads what there is, and waits a moment where that is nothing: other tests need this thread. False when no more can
    /// come.
    private func look() async -> Bool {
        let taken = take()
        if taken != .some { try? await Task.sleep(for: .milliseconds(10)) }
        return taken != .ended
    }

    private func take() -> Taken {
        var request = pollfd(fd: main, events: Int16(POLLIN), revents: 0)
        guard poll(&request, 1, 0) >= 0 else { return errno == EINTR ? .none : .ended }
        guard request.revents & Int16(POLLIN) != 0 else { return .none }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(main, &bytes, bytes.count)
        guard count > 0 else { return .ended }
        written += bytes[..<count]
        screen.take(bytes[..<count])
        return .some
    }
}

/// As much of a terminal as the board uses.
struct TerminalScreen {
    private(set) var columns: Int
    private(set) var rows: Int
    private(set) var isAlternate = false
    private(set) var isCursorShown = true
    private var cells: [[Character]] = []
    private var row = 0
    private var column = 0
    private var pending: [UInt8] = []
    /// What was written while the first screen was shown.
    private(set) var scrollback = ""
    /// Sequences that it does not know.
    private(set) var unknown: [String] = []

    init(columns: Int, rows: Int) {
        (self.columns, self.rows) = (columns, rows)
        clear()
    }

    var lines: [String] {
        cells.map { line in
            var text = String(line)[...]
            while text.last == " " { text.removeLast() }
            return String(text)
        }
    }

    mutating func resize(columns: Int, rows: Int) {
        (self.columns, self.rows) = (columns, rows)
        clear()
    }

    private mutating func clear() { cells = Array(repeating: Array(repeating: " ", count: columns), count: rows) }

    mutating func take(_ bytes: ArraySlice<UInt8>) {
        pending += bytes
        while let escape = pending.firstIndex(of: 0x1B) {
            put(pending[..<escape])
            let rest = pending[escape...]
            guard rest.count > 2, let end = rest.dropFirst(2).firstIndex(where: { (0x40...0x7E).contains($0) }) else {
                pending = Array(rest)
                return
            }
            obey(String(decoding: rest[(escape + 2)...end], as: UTF8.self))
            pending = Array(rest[(end + 1)...])
        }
        // A character may be cut in two.
        let whole = pending.lastIndex { $0 & 0xC0 != 0x80 }.map { pending[$0] >= 0xC0 ? $0 : pending.count } ?? 0
        let isComplete = String(validating: pending, as: UTF8.self) != nil
        put(isComplete ? pending[...] : pending[..<whole])
        pending = isComplete ? [] : Array(pending[whole...])
    }

    private mutating func obey(_ sequence: String) {
        switch sequence {
        case "?1049h": (isAlternate, row, column) = (true, 0, 0)
        case "?1049l": isAlternate = false
        case "?25l": isCursorShown = false
        case "?25h": isCursorShown = true
        case "?7l", "?7h": break
        case "2J": clear()
        case "K":
            guard row < rows else { return }
            for index in column..<columns { cells[row][index] = " " }
        case "H": (row, column) = (0, 0)
        default:
            if sequence.hasSuffix("m") { return }
            let parts = sequence.dropLast().split(separator: ";").compactMap { Int($0) }
            guard sequence.hasSuffix("H"), parts.count == 2 else { return unknown.append(sequence) }
            (row, column) = (parts[0] - 1, parts[1] - 1)
        }
    }

    private mutating func put(_ bytes: ArraySlice<UInt8>) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard isAlternate else {
            scrollback += text
            return
        }
        for character in text where row < rows {
            cells[row][column] = character
            // Without wrapping, the cursor stays on the last column.
            column = min(column + 1, columns - 1)
        }
    }
}
