import Harness
import PreflightCore
import Reports
import Store

/// A runs directory's ledger, for commands that look at it and change it, whether or not a gateway runs.
struct LedgerAccess {
    let path: String
    /// The ledger's file itself was named: a gateway's file may say where it is.
    private let isNamed: Bool
    private let wiring: Wiring

    init(_ place: PlaceOptions) throws {
        wiring = try Wiring(runsDirectory: place.runsDir)
        // The ledger keeps the path, by which processes in other directories look whether this one lives.
        let named = Files.absolute(place.runsDir)
        isNamed = !Files.isDirectory(named) && (Files.exists(named) || named.hasSuffix(".sqlite"))
        path = isNamed ? named : wiring.runs.journalPath
    }

    var now: Timestamp { wiring.world.now() }

    /// Nil where there is no ledger yet: looking must not make one.
    func reader() throws -> LedgerReader? {
        guard Files.exists(path) else { return nil }
        do { return try LedgerReader(path: path) } catch let error as PreflightError { throw error } catch {
            throw PreflightError(
                .failed, "cannot read the ledger \(path): \(error)", hint: "name its place with --runs-dir")
        }
    }

    func report() async throws -> BudgetReport {
        BudgetReport(try await reader()?.scopes() ?? [], at: now)
    }

    /// The ledger for as long as `body` takes; a missing one is made.
    func withLedger<Result: Sendable>(_ body: (Ledger) async throws -> Result) async throws -> Result {
        if !isNamed { try Files.createDirectory(wiring.runs.path) }
        let now = wiring.world.now
        let ledger = try Ledger(path: path, now: now)
        do {
            let result = try await body(ledger)
            await ledger.close()
            return result
        } catch {
            await ledger.close()
            throw error
        }
    }

    func keys() throws -> VirtualKeyStore { try VirtualKeyStore(path: path) }
    func existingKeys() throws -> VirtualKeyStore? { Files.exists(path) ? try keys() : nil }
}
