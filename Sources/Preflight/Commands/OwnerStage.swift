import Foundation
import Harness
import PreflightCore
import Reports
import Store

/// Puts an order before the harness of a living run, and waits for what comes of it.
struct OwnerStage {
    static let notes = """
        The run's own process carries it out and writes down who asked.
        Exit status: 0 done, 1 not done (the trial is over, there is no room), 3 nobody watches the run any more,
        64 wrong usage, or no such run or trial.
        """

    let run: String
    let trials: [String]
    let order: OwnerOrder
    let answer: AnswerOptions
    let place: PlaceOptions

    private var terminal: Terminal { .shared }

    func run() async throws {
        let patience = try answer.patience()
        let wiring = try Wiring(runsDirectory: place.runsDir)
        let journal = try wiring.existingJournal()
        let view = try await RunLookup.find(run, in: wiring.runs, journal: journal)
        let aliases = try trials.map { try TrialLookup.resolve($0, in: view) }
        // Whoever only scores an ended run holds its lock as well, and takes no orders.
        guard let journal, view.isAlive, view.finishedAt == nil else { throw Self.notLiving(view) }
        let stop = StopSignal()
        let signals = Signals(stop: stop, isQuiet: true)
        let line = OwnerLine(
            journal: journal, run: view.id, lockPath: wiring.runs.run(view.id).harnessLockPath, world: wiring.world,
            stop: stop)
        let replies = try await line.ask(order, trials: aliases, who: Self.who, within: patience)
        var ends: [TrialSummary] = []
        if order.isEnding, replies.contains(where: \.answer.isDone) {
            let wanted = replies.filter(\.answer.isDone).compactMap(\.trial)
            ends = try await line.follow(wanted, within: patience) { terminal.say("  \($0)") }
        }
        show(replies, ends)
        if let status = signals.exitStatus { throw status }
        await wiring.offerSweep(journal, place)
        if !replies.allSatisfy(\.answer.isDone) { throw ExitStatus.no }
    }

    private func show(_ replies: [OwnerLine.Reply], _ ends: [TrialSummary]) {
        if place.json {
            return terminal.data(
                JSON.record([
                    "order": .string(order.name),
                    "answers": .array(
                        replies.map {
                            .record([
                                "request": .number(String($0.request)), "trial": $0.trial.map(JSON.string),
                                "done": .bool($0.answer.isDone), "answer": .string($0.answer.text),
                            ])
                        }),
                    "trials": .array(ends.map(\.json)),
                ]).prettyText)
        }
        for reply in replies where ends.isEmpty || !reply.answer.isDone {
            if reply.answer.isDone { terminal.data(reply.answer.text) } else { terminal.say(reply.answer.text) }
        }
        for trial in ends {
            let state = trial.outcome?.rawValue ?? "\(trial.phase.rawValue), not over yet: `preflight status` shows it"
            terminal.data("\(trial.alias): \(state), \(trial.cost)")
        }
    }

    private static func notLiving(_ view: RunView) -> any Error {
        if view.finishedAt != nil {
            Terminal.shared.say("\(view.id) is over")
            return ExitStatus.no
        }
        let lost = view.trials.filter { $0.outcome == .lost }.map(\.alias)
        return PreflightError(
            .refused,
            "nobody watches \(view.id) any more: its process died"
                + (lost.isEmpty ? "" : ", and \(lost.joined(separator: ", ")) with it"),
            hint: "`preflight resume \(view.id)` takes it up, `preflight sweep` ends and removes what it left")
    }

    /// Who asks, for the record.
    static var who: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, 255)
        let host = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return "\(NSUserName())@\(host), process \(getpid())"
    }
}
