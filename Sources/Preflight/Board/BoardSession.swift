import Foundation
import PreflightCore
import Reports
import Synchronization

/// A board from its first frame to its last: takes what is known, keys and the time, and draws.
///
/// Whoever has it must `close` it. While it is open, what the command says to the person in front stands on it, and is
/// said again below it at its end.
final class BoardSession: Sendable {
    private enum Message: Sendable {
        case view(RunView, BoardMoney, endedAt: Timestamp?)
        case input(BoardTerminal.Input)
        case tick
        case note
        case end
    }

    private let messages: AsyncStream<Message>
    private let send: AsyncStream<Message>.Continuation
    private let terminal: BoardTerminal
    private let now: @Sendable () -> Timestamp
    private let quit: String
    private let notes = Mutex<[String]>([])
    private let onQuit: @Sendable () -> Void
    private let isClosed = Mutex(false)

    /// Time alone moves the board so often.
    private static let pause = Duration.seconds(1)
    private static let noteLimit = 1000
    private static let patience = Duration.seconds(1)

    /// - Parameters:
    ///   - quit: what `q` does.
    ///   - onQuit: called for `q`.
    init(
        output: CInt, environment: [String: String], quit: String, now: @escaping @Sendable () -> Timestamp,
        onQuit: @escaping @Sendable () -> Void
    ) {
        let (messages, send) = AsyncStream.makeStream(of: Message.self, bufferingPolicy: .bufferingNewest(64))
        (self.messages, self.send, self.now, self.quit, self.onQuit) = (messages, send, now, quit, onQuit)
        terminal = BoardTerminal(output: output, environment: environment) { send.yield(.input($0)) }
    }

    /// Takes a new picture of the run.
    func show(_ run: RunView, _ money: BoardMoney, endedAt: Timestamp? = nil) {
        send.yield(.view(run, money, endedAt: endedAt))
    }

    /// What people should know: it stays on the board, and is said again at the end.
    func note(_ text: String) {
        notes.withLock { notes in
            guard notes.count < Self.noteLimit, notes.last != text else { return }
            notes.append(text)
        }
        send.yield(.note)
    }

    /// Draws until `end`; the terminal is as it was when this returns.
    ///
    /// A terminal may be held (Ctrl-S), or be that of a connection that stands still: it is waited for a moment, and then
    /// let go. What takes nothing then either is told nothing more.
    func run() async {
        Terminal.divert { [weak self] in self?.note($0) }
        terminal.open()
        let (frames, put) = AsyncStream.makeStream(of: [BoardLine].self, bufferingPolicy: .bufferingNewest(1))
        // Awaited below, for as long as a held terminal is worth.
        Task {
            for await frame in frames { await terminal.show(frame) }
            await terminal.close()
            isClosed.withLock { $0 = true }
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [send] in
                while (try? await ContinuousClock().sleep(for: Self.pause)) != nil { send.yield(.tick) }
            }
            await draw(on: put)
            group.cancelAll()
        }
        put.finish()
        if await !closes() {
            terminal.letGo()
            if await !closes() { Terminal.fallSilent() }
        }
        Terminal.divert(nil)
        for note in notes.withLock({ $0 }) { Terminal.shared.say(note) }
    }

    func end() {
        send.yield(.end)
        send.finish()
    }

    /// Whether the terminal is given back within a moment.
    private func closes() async -> Bool {
        let deadline = ContinuousClock.now + Self.patience
        while !isClosed.withLock({ $0 }), ContinuousClock.now < deadline {
            try? await ContinuousClock().sleep(for: .milliseconds(5))
        }
        return isClosed.withLock { $0 }
    }

    /// Never waits for the terminal: of the frames that it has not taken, the newest counts.
    private func draw(on frames: AsyncStream<[BoardLine]>.Continuation) async {
        var view: BoardView?
        var scroll = BoardScroll()
        var burn = BurnMeter()
        for await message in messages {
            switch message {
            case .view(let run, let money, let endedAt):
                burn.note(money.spent, at: now())
                view = BoardView(run: run, now: now(), money: money, endedAt: endedAt)
                if terminal.hasKeys { view?.quit = quit }
            case .input(.keys(let keys)):
                guard let view else { continue }
                for key in keys {
                    if key == .quit { onQuit() }
                    let visible = BoardFrame.visibleRows(view, size: terminal.size)
                    scroll.take(key, rows: view.run.trials.count, visible: visible)
                }
            case .end: return
            case .input(.redraw), .tick, .note: break
            }
            guard var shown = view else { continue }
            shown.now = now()
            shown.notes = notes.withLock { $0 }
            shown.burn = burn.perMinute(shown.money.spent, at: shown.now, since: shown.run.createdAt)
            frames.yield(BoardFrame.lines(shown, size: terminal.size, scroll: scroll))
        }
    }
}
