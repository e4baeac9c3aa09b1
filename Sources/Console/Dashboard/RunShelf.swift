import PreflightCore
import Reports
import Store

/// The runs of a directory: a list of all, and those that somebody looks at.
actor RunShelf {
    let doors: DashboardDoors
    let bounds: DashboardOptions.Bounds
    private let reader = TraceReader()
    let record: RecordAccess
    /// The one that was looked at last is the last.
    private var watches: [RunWatch] = []
    /// Of runs that have ended: they do not change without being begun again.
    private var ended: [String: (stamp: Timestamp, row: JSON)] = [:]
    private(set) var followers = 0

    init(doors: DashboardDoors, bounds: DashboardOptions.Bounds) {
        self.doors = doors
        self.bounds = bounds
        record = RecordAccess(runs: doors.runs)
    }

    /// - Throws: `PreflightError` with code `usage` when there is no such run.
    func watch(_ name: String) async throws -> RunWatch {
        let names = try await RunLookup.ids(named: [name], in: doors.runs, journal: try await record.journal())
        let id = names.first ?? name
        if let index = watches.firstIndex(where: { $0.id == id }) {
            let watch = watches.remove(at: index)
            watches.append(watch)
            return watch
        }
        let watch = RunWatch(id: id, doors: doors, record: record, reader: reader)
        watches.append(watch)
        // Whoever still follows an older one keeps it alive by itself.
        if watches.count > bounds.runs { watches.removeFirst() }
        return watch
    }

    /// Runs from the newest on. One that cannot be read is left out; `next` counts it all the same.
    func list(from start: Int) async throws -> JSON {
        let journal = try await record.journal()
        let records = try await journal?.runs() ?? []
        let ids = try await RunLookup.ids(in: doors.runs, journal: journal)
        var rows: [JSON] = []
        let page = ids.dropFirst(start).prefix(bounds.listed)
        for id in page {
            let record = records.first { $0.id == id }
            if let stamp = record?.finishedAt, let kept = ended[id], kept.stamp == stamp {
                rows.append(kept.row)
                continue
            }
            guard let view = try? await RunLookup.find(id, in: doors.runs, journal: journal, at: doors.now()) else {
                continue
            }
            let row = RunRow.json(view)
            if let stamp = record?.finishedAt {
                if ended.count > 1000 { ended = [:] }
                ended[id] = (stamp, row)
            }
            rows.append(row)
        }
        return [
            "runs": .array(rows), "from": .int(start), "next": .int(start + page.count), "all": .int(ids.count),
            "directory": .string(doors.runs.path), "now": .string(doors.now().iso8601),
        ]
    }

    func beginFollowing() -> Bool {
        guard followers < bounds.followers else { return false }
        followers += 1
        return true
    }

    func endFollowing() { followers -= 1 }
}

/// The files of a runs directory that are there by now: looking must not make anything.
actor RecordAccess {
    private let path: String
    private var openJournal: Journal?
    private var openLedger: LedgerReader?

    init(runs: RunsDirectory) { path = runs.journalPath }

    func journal() throws -> Journal? {
        if openJournal == nil, Files.exists(path) { openJournal = try Journal(path: path) }
        return openJournal
    }

    func ledger() throws -> LedgerReader? {
        if openLedger == nil, Files.exists(path) { openLedger = try LedgerReader(path: path) }
        return openLedger
    }
}

/// Reads logs, one at a time: however many runs are looked at, one thread is busy with it.
actor TraceReader {
    func read(_ trace: TrialTrace, _ path: String) -> (trace: TrialTrace, hasMore: Bool) {
        var trace = trace
        let hasMore = (try? trace.read(path, most: 8 << 20)) ?? false
        return (trace, hasMore)
    }
}
