import Foundation
import PreflightCore
import Reports
import Store

/// What a run's spend is held against: the envelope it shares, its own total as its owner has it now, or the sum of its
/// trials' budgets.
actor BoardMoneyReader {
    private let run: String
    private let total: USD?
    private let envelope: String?
    private let journal: Journal?
    private let ledgerPath: String
    private var last: (at: ContinuousClock.Instant, cap: Cap?)?

    private enum Cap: Sendable {
        case total(USD)
        case envelope(spent: USD, cap: USD)
    }

    /// The shared part is read so often, whatever the board is told.
    private static let pause = Duration.seconds(2)

    init(run: String, total: USD?, envelope: String?, journal: Journal?, ledgerPath: String) {
        self.run = run
        self.total = total
        self.envelope = envelope
        self.journal = journal
        self.ledgerPath = ledgerPath
    }

    /// Of a run that another process watches, by its record.
    init(record: RunDirectory, wiring: Wiring, journal: Journal?) {
        let loader = ExperimentLoader(environment: wiring.settings.environment, workingDirectory: record.path)
        let budget =
            Files.exists(record.experimentPath)
            ? (try? loader.read(record.experimentPath, isRecord: true))?.budget : nil
        self.init(
            run: record.id, total: budget?.total, envelope: budget?.envelope, journal: journal,
            ledgerPath: wiring.runs.journalPath)
    }

    func money(_ view: RunView) async -> BoardMoney {
        if last.map({ $0.at.duration(to: .now) >= Self.pause }) ?? true {
            // Read before it is noted: other looks may come in between.
            let cap = await cap()
            last = (.now, cap)
        }
        switch last?.cap {
        case .total(let cap)?: return BoardMoney(spent: view.cost, cap: cap, name: "total")
        case .envelope(let spent, let cap)?:
            return BoardMoney(spent: spent, cap: cap, name: "envelope \(envelope ?? "")")
        case nil: return BoardMoney(budgetsOf: view)
        }
    }

    private func cap() async -> Cap? {
        if let envelope, let shared = await shared(envelope) { return shared }
        let extended = (try? await journal?.extendedTotal(run: run)) ?? nil
        return (extended ?? total).map(Cap.total)
    }

    private func shared(_ name: String) async -> Cap? {
        guard let scopes = try? await LedgerReader(path: ledgerPath).scopes(),
            let scope = scopes.first(where: { $0.scope.name == ScopeName.envelope(name) })?.scope,
            let cap = scope.limits.money.total
        else { return nil }
        return .envelope(spent: scope.spent.total + scope.held, cap: cap)
    }
}
