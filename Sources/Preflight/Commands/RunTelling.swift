import Harness
import PreflightCore
import Reports

/// What a run says while it goes on, and at its end.
struct RunTelling {
    let isJSON: Bool
    private let announcer = Announcer(.shared)
    private let board: RunBoard?

    /// - Parameter board: what shows the run while it goes on; nil for lines.
    init(isJSON: Bool, board: RunBoard? = nil) {
        self.isJSON = isJSON
        self.board = board
    }

    /// Shows the run on its board, if it has one, while `body` carries it out.
    func following(_ body: @Sendable () async throws -> RunResult) async throws -> RunResult {
        guard let board else { return try await body() }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await board.run() }
            let result: Result<RunResult, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            board.end()
            // The terminal is given back before anything more is said.
            try await group.waitForAll()
            return try result.get()
        }
    }

    private var terminal: Terminal { .shared }

    /// Shows what came of the run, and throws what it exits with.
    func finish(_ result: RunResult, _ signals: Signals) async throws {
        await announcer.finish()
        if isJSON {
            terminal.data(result.json.prettyText)
        } else {
            terminal.data("")
            terminal.data(ClosingTable.text(result.trials, width: terminal.tableWidth))
            if let board = LeaderboardTable.text(result.trials, width: terminal.tableWidth) { terminal.data(board) }
            if let trip = result.breaker { terminal.data(PlainText.oneLine(trip.reason) + "\n") }
            if !result.left.isEmpty {
                let things = "\(result.left.count) thing\(result.left.count == 1 ? "" : "s")"
                terminal.data("\(things) could not be given back: \(result.left.joined(separator: ", "))")
                terminal.data("`preflight sweep` tries again\n")
            }
            terminal.data("\(result.directory)")
        }
        if let status = signals.exitStatus { throw status }
        if result.trials.contains(where: { $0.outcome == .harnessFailed }) { throw ExitStatus.failed }
        if !result.isWell { throw ExitStatus.no }
    }

    /// One line per change, on standard error; while there is a board, only what it does not show.
    func progress() -> @Sendable (FieldEvent) -> Void {
        let terminal = announcer
        let background = Background.current
        return { [board] progress in
            if board?.take(progress) ?? false { return }
            switch progress {
            case .runStarted(let id, let directory, let trials):
                background?.begin(run: id, directory: directory)
                terminal.say("\(id): \(trials) trial\(trials == 1 ? "" : "s"), record in \(directory)")
            case .trialStarted(let plan): terminal.say("  \(plan.alias): \(plan.model), \(plan.budget)")
            case .resumed(let plan, let how):
                terminal.say("  \(plan.alias): \(Self.words[how] ?? how)")
                // What had not begun has yet to show that it can.
                if how != ResumeRule.Answer.begin.name { background?.tellReady() }
            case .containerStarted(let plan):
                terminal.say("  \(plan.alias): running")
                background?.tellReady()
            case .stopping(let plan, let why): terminal.say("  \(plan.alias): stopping, \(PlainText.oneLine(why))")
            case .fired(let plan, let action, let why):
                let words = PlainText.oneLine(why)
                terminal.say(
                    action == .notify
                        ? "notice: \(plan.alias): \(words)" : "  \(plan.alias): \(action.rawValue), \(words)")
            case .settling(let plan): terminal.say("  \(plan.alias): ended, settling its account")
            case .scored(let plan, let score):
                if score.value != nil {
                    terminal.say("  \(plan.alias): score \(score.text)")
                } else {
                    terminal.say("warning: \(plan.alias): not scored: \(PlainText.oneLine(score.error ?? ""))")
                }
            case .finished(let summary):
                terminal.say(
                    "  \(summary.alias): \(summary.outcome?.rawValue ?? "?"), \(summary.cost)"
                        + (summary.reason.map { ", \(PlainText.oneLine($0))" } ?? ""))
            case .standing: break
            case .asked(let request): terminal.say("  \(PlainText.oneLine(request.text))")
            case .warning(let text): terminal.say("warning: \(PlainText.oneLine(text))")
            }
        }
    }

    /// How a trial is taken up again.
    private static let words = [
        "attach": "alive, watched again", "begin": "had not begun", "collect": "ended unseen, its output is read",
        "carry_out": "alive, was to be stopped", "settle": "ended, to be settled", "lost": "its container is gone",
    ]
}
