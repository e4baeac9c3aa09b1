package import PreflightCore

/// What one check of a run's record found.
package struct Finding: Sendable, Equatable {
    package enum Status: String, Sendable {
        case pass, warn, fail

        /// As `CheckFrame` prints it.
        package var mark: String {
            switch self {
            case .pass: "v"
            case .warn: "!"
            case .fail: "x"
            }
        }
    }

    package var name: String
    package var status: Status
    package var detail: String
    /// One a fault, where there are several.
    package var lines: [String]
    package var hint: String?

    package init(_ name: String, _ status: Status, _ detail: String, lines: [String] = [], hint: String? = nil) {
        self.name = name
        self.status = status
        self.detail = detail
        self.lines = lines
        self.hint = hint
    }

    /// Fails when there are faults, warns when there are only notes. More than `limit` lines are counted.
    package init(
        _ name: String, _ detail: String, faults: [String], notes: [String] = [], hint: String? = nil, limit: Int = 20
    ) {
        let all = faults + notes
        let rest = all.count > limit ? ["and \(all.count - limit) more"] : []
        self.init(
            name, faults.isEmpty ? (notes.isEmpty ? .pass : .warn) : .fail, detail, lines: all.prefix(limit) + rest,
            hint: all.isEmpty ? nil : hint)
    }

    package var json: JSON {
        .record([
            "name": .string(name), "status": .string(status.rawValue), "detail": .string(detail),
            "lines": lines.isEmpty ? nil : .strings(lines), "hint": hint.map(JSON.string),
        ])
    }
}

/// What was found of a run's record.
package struct RunVerification: Sendable {
    package var run: String
    package var directory: String
    package var isAlive: Bool
    package var findings: [Finding]
    /// The first fault of each log that has one, by its trial.
    package var faults: [String: LogFault] = [:]

    package var failures: [Finding] { findings.filter { $0.status == .fail } }
    package var isWell: Bool { failures.isEmpty }

    package var json: JSON {
        .record([
            "run": .string(run), "directory": .string(directory), "alive": .bool(isAlive), "well": .bool(isWell),
            "checks": .array(findings.map(\.json)),
            "damaged_logs": faults.isEmpty
                ? nil
                : .array(
                    faults.sorted { $0.key < $1.key }.map {
                        .record(["trial": .string($0.key), "fault": $0.value.json])
                    }),
        ])
    }

    /// A line a check, and what follows from all of them.
    package var text: String {
        var lines = ["Record of \(run)"]
        lines += findings.map {
            CheckFrame.line(
                mark: $0.status.mark, name: $0.name, detail: $0.detail, lines: $0.lines,
                hint: $0.status == .pass ? nil : $0.hint)
        }
        let names = failures.map(\.name).joined(separator: ", ")
        lines.append(isWell ? "The record is whole" : "THE RECORD IS NOT WHOLE: \(names)")
        return lines.joined(separator: "\n") + "\n"
    }
}
