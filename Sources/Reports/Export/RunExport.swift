import PreflightCore

/// A run's calls and trials as lines, for what others analyse. Logs are read one after the other, and nothing of them is
/// kept.
package struct RunExport {
    package enum Table: String, Sendable, CaseIterable { case calls, trials }

    let report: RunReport
    let write: (String) throws -> Void

    package init(_ report: RunReport, write: @escaping (String) throws -> Void) {
        self.report = report
        self.write = write
    }

    package func csv(_ table: Table) throws {
        switch table {
        case .trials: try write(report.csv)
        case .calls:
            try write(CallTable.header)
            try eachCall { try write(CallTable.line($0, of: $1, run: report.id)) }
        }
    }

    /// One object a line, told apart by `kind`: `run`, `trial` and `call`.
    ///
    /// - Parameter table: only these; nil for all.
    package func jsonLines(_ table: Table?) throws {
        if table == nil {
            var run = report.json.object ?? JSON.Object()
            run["trials"] = nil
            try write(JSON.object(JSON.Object([.init(key: "kind", value: "run")] + run.members)).text + "\n")
        }
        if table != .calls {
            for trial in report.trials {
                var object = trial.json.object ?? JSON.Object()
                object["checkpoint"] = nil
                let head: [JSON.Object.Member] = [
                    .init(key: "kind", value: "trial"), .init(key: "run", value: .string(report.id)),
                ]
                try write(JSON.object(JSON.Object(head + object.members)).text + "\n")
            }
        }
        if table != .trials {
            try eachCall { try write(CallTable.json($0, of: $1, run: report.id).text + "\n") }
        }
    }

    private func eachCall(_ body: (CallEntry, TrialAttempt) throws -> Void) throws {
        for attempt in report.trials.flatMap(\.attempts) {
            var failure: (any Error)?
            attempt.again { call in
                guard failure == nil else { return }
                do { try body(call, attempt.attempt) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }
}

extension AttemptReport {
    /// Reads the log once more, for those who want every event or call of it.
    func again(event: (Event) -> Void = { _ in }, call: (CallEntry) -> Void) {
        if let directory { _ = AttemptReport.read(summary, in: directory, event: event, call: call) }
    }
}
