import Foundation
import Harness
import PreflightCore
import Reports
import Store
import Synchronization

/// The board of a run that this process carries out. `q` leaves it for lines; the run goes on.
final class RunBoard: Sendable {
    private let directory: RunDirectory
    private let createdAt: Timestamp?
    private let money: BoardMoneyReader
    private let wiring: Wiring
    private let session: BoardSession
    private let isOpen = Atomic<Bool>(false)
    private let standings: AsyncStream<[TrialSummary]>
    private let send: AsyncStream<[TrialSummary]>.Continuation

    /// Nil where no board can be drawn on standard error, or none is wanted.
    ///
    /// - Parameter createdAt: of a run that is taken up; of a new one, when it begins.
    init?(
        isPlain: Bool, directory: RunDirectory, budget: Experiment.Budget, createdAt: Timestamp? = nil,
        journal: Journal, wiring: Wiring
    ) {
        let environment = wiring.settings.environment
        guard !isPlain, Background.current == nil, BoardTerminal.canDraw(on: STDERR_FILENO, environment: environment)
        else { return nil }
        let (standings, send) = AsyncStream.makeStream(of: [TrialSummary].self, bufferingPolicy: .bufferingNewest(1))
        (self.standings, self.send) = (standings, send)
        self.directory = directory
        self.createdAt = createdAt
        self.wiring = wiring
        money = BoardMoneyReader(
            run: directory.id, total: budget.total, envelope: budget.envelope, journal: journal,
            ledgerPath: wiring.runs.journalPath)
        session = BoardSession(
            output: STDERR_FILENO, environment: environment, quit: "shows lines", now: wiring.world.now,
            onQuit: { send.finish() })
    }

    /// True for what the board shows. What only words can tell is told by words.
    func take(_ event: FieldEvent) -> Bool {
        if case .standing(let trials) = event {
            send.yield(trials)
            return true
        }
        guard isOpen.load(ordering: .acquiring) else { return false }
        switch event {
        case .trialStarted, .resumed, .containerStarted, .stopping, .settling, .finished, .standing: return true
        case .scored(_, let score): return score.value != nil
        case .runStarted, .fired, .asked, .warning: return false
        }
    }

    /// Shows the run from the first time it stands anyhow until `end`, or until it is left by its key.
    func run() async {
        let began = createdAt ?? wiring.world.now()
        await withTaskGroup(of: Void.self) { group in
            for await trials in standings {
                if !isOpen.exchange(true, ordering: .acquiringAndReleasing) {
                    group.addTask { [session] in await session.run() }
                }
                let view = RunView(
                    id: directory.id, directory: directory.path, createdAt: began, isAlive: true, trials: trials)
                session.show(view, await money.money(view))
            }
            session.end()
            await group.waitForAll()
            isOpen.store(false, ordering: .releasing)
        }
    }

    func end() { send.finish() }
}
