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
    package var promptPath: String { path + "/prompt.txt" }
    /// Held by the living harness.
    package var harnessLockPath: String { path + "/harness.lock" }

    /// What a run in the background says.
    package var consolePath: String { path + "/console.log" }
    /// Held by the run's guard.
    package var guardLockPath: String { path + "/guard.lock" }
    /// What the run's guard says.
    package var guardLogPath: String { path + "/guard.log" }

    package func trial(_ alias: String) -> TrialDirectory {
        TrialDirectory(path: "\(path)/\(alias)", run: id, alias: alias)
    }
}

package struct TrialDirectory: Sendable, Equatable {
    package let path: String
    package let run: String
    package let alias: String

    package var eventsPath: String { path + "/events.jsonl" }
    /// What a crash left of lines that it tore.
    package var tornPath: String { path + "/events.torn" }
    /// What its event log begins with.
    package var firstLink: ChainLink { ChainLink(run: run, trial: alias) }
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
