import Foundation
import Harness
import PreflightCore
import Reports
import Store

/// `status --follow`: looks at a run again and again until it has ended or nobody watches it any more; on a terminal as a
/// board, elsewhere as lines of what changes.
struct FollowStage {
    let name: String
    let place: PlaceOptions
    var isPlain = false

    private static let pause = Duration.seconds(1)

    func run() async throws {
        let wiring = try Wiring(runsDirectory: place.runsDir)
        let journal = try wiring.existingJournal()
        let first = try await RunLookup.find(name, in: wiring.runs, journal: journal, at: wiring.world.now())
        let stop = StopSignal()
        let signals = Signals(stop: stop, isQuiet: true)
        let directory = RunDirectory(path: first.directory, id: first.id)
        let money = BoardMoneyReader(record: directory, wiring: wiring, journal: journal)
        let look = Look(id: first.id, wiring: wiring, journal: journal)
        let environment = wiring.settings.environment
        let last: RunView
        if !place.json, !isPlain, BoardTerminal.canDraw(on: STDOUT_FILENO, environment: environment) {
            last = await board(first, look, money, stop, environment)
        } else {
            last = try await lines(first, look, money, stop)
        }
        if let status = signals.exitStatus { throw status }
        if !place.json, !last.isFinished, !last.isAlive { await wiring.offerSweep(journal, place) }
    }

    /// The board as it stands now, in SVG.
    func picture(_ size: BoardFrame.Size) async throws -> String {
        let wiring = try Wiring(runsDirectory: place.runsDir)
        let journal = try wiring.existingJournal()
        let now = wiring.world.now()
        let run = try await RunLookup.find(name, in: wiring.runs, journal: journal, at: now)
        let directory = RunDirectory(path: run.directory, id: run.id)
        let money = await BoardMoneyReader(record: directory, wiring: wiring, journal: journal).money(run)
        let endedAt = await Look(id: run.id, wiring: wiring, journal: journal).endedAt
        var view = BoardView(run: run, now: now, money: money, endedAt: endedAt)
        view.burn = BurnMeter().perMinute(money.spent, at: now, since: run.createdAt)
        return BoardPicture.svg(
            BoardFrame.lines(view, size: size), columns: size.columns, title: "The board of \(CellText.clean(run.id))")
    }

    private func board(
        _ first: RunView, _ look: Look, _ money: BoardMoneyReader, _ stop: StopSignal, _ environment: [String: String]
    ) async -> RunView {
        let session = BoardSession(
            output: STDOUT_FILENO, environment: environment, quit: "ends this, not the run",
            now: look.wiring.world.now, onQuit: { stop.raise(to: .graceful) })
        let last = await withTaskGroup(of: RunView?.self) { group in
            group.addTask {
                await session.run()
                return nil
            }
            let last = await follow(first, look, stop) { view in
                session.show(view, await money.money(view), endedAt: await look.endedAt)
            }
            session.end()
            return last
        }
        Terminal.shared.data(StatusFrame.text(last, width: Terminal.shared.width))
        return last
    }

    private func lines(
        _ first: RunView, _ look: Look, _ money: BoardMoneyReader, _ stop: StopSignal
    ) async throws -> RunView {
        let changes = ChangeTelling(isJSON: place.json)
        return await follow(first, look, stop) { view in
            let money = await money.money(view)
            await changes.tell(
                BoardView(run: view, now: look.wiring.world.now(), money: money, endedAt: await look.endedAt))
        }
    }

    /// Shows the run until there is nothing more to follow; how it stood then.
    private func follow(
        _ first: RunView, _ look: Look, _ stop: StopSignal, _ show: @escaping @Sendable (RunView) async -> Void
    ) async -> RunView {
        var view = first
        while true {
            await show(view)
            guard view.isAlive, stop.urgency == .none else { return view }
            await cancelling(when: stop) { try? await ContinuousClock().sleep(for: Self.pause) }
            // A look that fails is made again: the journal may be busy.
            view = (try? await look.view()) ?? view
        }
    }
}

/// Looks at one run.
private struct Look: Sendable {
    let id: String
    let wiring: Wiring
    let journal: Journal?

    func view() async throws -> RunView {
        try await RunLookup.find(id, in: wiring.runs, journal: journal, at: wiring.world.now())
    }

    var endedAt: Timestamp? {
        get async { (try? await journal?.run(id))??.finishedAt }
    }
}

/// Says what changes, one look after the other.
private actor ChangeTelling {
    private let isJSON: Bool
    private var changes = BoardChanges()

    init(isJSON: Bool) { self.isJSON = isJSON }

    func tell(_ view: BoardView) {
        if isJSON {
            for object in changes.objects(view) { Terminal.shared.data(object.text) }
        } else {
            for line in changes.lines(view) { Terminal.shared.data(line) }
        }
    }
}
