import Foundation
package import PreflightCore

/// Where things lie in `runs/`.
package struct RunsDirectory: Sendable, Equatable {
    package let path: String

    package init(path: String) { self.path = Files.absolute(path) }

    package var journalPath: String { path + "/preflight.sqlite" }

    package func run(_ id: String) -> RunDirectory { RunDirectory(path: "\(path)/\(id)", id: id) }
}

package struct RunDirectory: Sendable, Equatable {
    package let path: String
    package let id: String

    package init(path: String, id: String) {
        self.path = path
        self.id = id
    }

    package var experimentPath: String { path + "/experiment.yaml" }
    package var lockPath: String { path + "/lock.json" }
    package var summaryPath: String { path + "/summary.json" }
    /// Computed from the rest: no part of the record.
    package var reportPath: String { path + "/report.html" }
    package var promptPath: String { path + "/prompt.txt" }
    /// Held by the living harness.
    package var harnessLockPath: String { path + "/harness.lock" }

    /// What a run in the background says.
    package var consolePath: String { path + "/console.log" }
    /// The same of a process before, from 1.
    package func earlierConsolePath(_ number: Int) -> String { path + "/console-\(number).log" }
    /// Held by the run's guard.
    package var guardLockPath: String { path + "/guard.lock" }
    /// How long containers may outlive the newest process of the run, as it was told; empty for their wall limits.
    package var guardGracePath: String { path + "/guard.grace" }
    /// What the run's guard says.
    package var guardLogPath: String { path + "/guard.log" }

    /// Removes what a process that died while it replaced a file has left. Only for who holds the run's lock.
    ///
    /// - Parameter aliases: of the run's trials, whose newest attempts are looked at too.
    package func removeTemporaries(of aliases: [String]) {
        func remove(in directory: String, from beginning: String = "") {
            for name in Files.list(directory) where Files.isTemporary(name) && name.hasPrefix(beginning) {
                unlink("\(directory)/\(name)")
            }
        }
        remove(in: path)
        for alias in aliases {
            remove(in: "\(path)/\(alias)")
            // Whatever else lies there is the agent's.
            remove(in: "\(path)/\(alias)/output", from: "budget.txt.")
        }
    }

    /// Where an attempt at a trial lies: the newest under the trial's alias, earlier ones in `attempts/ALIAS/N`.
    ///
    /// Of an attempt that another still stands in the place of, it is where it would lie later: there is nothing yet.
    package func trial(_ alias: String, attempt number: Int = 1) -> TrialDirectory {
        let attempt = TrialAttempt(alias: alias, number: number)
        let later = laterPlace(attempt)
        let isInPlace =
            !Files.exists("\(path)/\(later)")
            && (number == 1
                || Files.exists("\(path)/\(laterPlace(TrialAttempt(alias: alias, number: number - 1)))"))
        return TrialDirectory(run: self, attempt: attempt, place: isInPlace ? alias : later)
    }

    package func trial(_ attempt: TrialAttempt) -> TrialDirectory { trial(attempt.alias, attempt: attempt.number) }

    private func laterPlace(_ attempt: TrialAttempt) -> String { "attempts/\(attempt.alias)/\(attempt.number)" }

    /// Makes room for the next attempt at a trial. One rename, so that a crash leaves either the one or the other; done
    /// again it does nothing.
    package func moveAside(_ attempt: TrialAttempt) throws {
        let later = "\(path)/\(laterPlace(attempt))"
        guard !Files.exists(later) else { return }
        try Files.createDirectory(Files.parent(of: later))
        let place = "\(path)/\(attempt.alias)"
        if Files.exists(place) {
            try Files.move(place, to: later)
        } else {
            // It never began.
            try Files.createDirectory(later)
        }
    }
}

package struct TrialDirectory: Sendable, Equatable {
    package let path: String
    package let run: String
    package let attempt: TrialAttempt
    /// Within the run's directory.
    package let place: String

    init(run: RunDirectory, attempt: TrialAttempt, place: String) {
        path = "\(run.path)/\(place)"
        self.run = run.id
        self.attempt = attempt
        self.place = place
    }

    package var alias: String { attempt.alias }
    package var eventsPath: String { path + "/events.jsonl" }
    /// What a crash left of lines that it tore.
    package var tornPath: String { path + "/events.torn" }
    /// What its event log begins with.
    package var firstLink: ChainLink { ChainLink(run: run, trial: attempt.name) }
    package var logPath: String { path + "/run.log" }
    package var summaryPath: String { path + "/summary.json" }
    package var outputPath: String { path + "/output" }
    package var budgetPath: String { outputPath + "/budget.txt" }

    /// Makes the directory and its output directory, which any user of a sandbox may write to.
    package func create() throws {
        try Files.createDirectory(path)
        try Files.createDirectory(outputPath, mode: 0o777)
    }
}
