import PreflightCore
import Reports

/// A run as it may stand after twelve minutes, one trial of each kind.
enum BoardFixture {
    static let start = Timestamp(seconds: 1_773_316_800)
    static let now = start + .seconds(754)

    static func trial(_ alias: String, _ configure: (inout TrialSummary) -> Void = { _ in }) -> TrialSummary {
        var summary = TrialSummary(
            plan: TrialPlan(alias: alias, model: "m", budget: USD(cents: 5)))
        configure(&summary)
        return summary
    }

    static func running(_ alias: String, _ doing: String, _ age: Int, cost: Int64 = 0) -> TrialSummary {
        trial(alias) {
            $0.phase = .running
            $0.isRunning = true
            $0.startedAt = start
            $0.doing = doing
            $0.doingSince = now + .seconds(-age)
            $0.lastActivity = now + .seconds(-age)
            $0.cost = USD(picodollars: cost * 1_000_000)
            $0.turns = 12
            $0.usage = Usage(promptTokens: 41_000, completionTokens: 1_300, cachedTokens: 30_000)
        }
    }

    static var trials: [TrialSummary] {
        [
            trial("quick") {
                $0.phase = .finished
                $0.outcome = .completed
                $0.startedAt = start
                $0.runtime = .seconds(62)
                $0.cost = USD(picodollars: 420_000_000)
                $0.turns = 4
                $0.score = TrialScore(value: 0.75, scorer: "s", at: start)
            },
            trial("looper") {
                $0 = running("looper", "bash", 3, cost: 31_000)
                $0.nearest = Nearness(policy: "loop", permille: 500, words: "2 of 4 times the same call")
            },
            trial("thinker") {
                $0 = running("thinker", "call", 131, cost: 47_000)
                $0.nearest = Nearness(policy: "budget_exceeded", permille: 940, words: "$0.047 of $0.05 spent")
            },
            trial("stuck") {
                $0 = running("stuck", "waits", 41)
                $0.pause = "503 of the provider"
            },
            trial("silent") {
                $0.phase = .finished
                $0.outcome = .ejected
                $0.reason = "idle: silent for 5m00s"
                $0.startedAt = start
                $0.runtime = .seconds(300)
            },
            trial("later"),
        ]
    }

    static func view(_ trials: [TrialSummary] = trials, notes: [String] = [], quit: String? = nil) -> BoardView {
        let run = RunView(
            id: "run-20260312-120000", directory: "/r", createdAt: start, isAlive: true, trials: trials)
        var view = BoardView(
            run: run, now: now, money: BoardMoney(budgetsOf: run), burn: USD(picodollars: 12_000_000_000))
        view.notes = notes
        view.quit = quit
        return view
    }

    static func text(_ view: BoardView, _ columns: Int, _ rows: Int, _ scroll: BoardScroll = BoardScroll()) -> String {
        BoardFrame.lines(view, size: .init(columns: columns, rows: rows), scroll: scroll)
            .map { line in
                var text = line.text[...]
                while text.last == " " { text.removeLast() }
                return String(text)
            }.joined(separator: "\n")
    }
}
