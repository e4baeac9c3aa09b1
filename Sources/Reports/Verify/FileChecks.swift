import PreflightCore
import Store

/// What lies in a run's directory, and what should.
struct FileChecks {
    let directory: RunDirectory
    let trials: [TrialEvidence]
    let isAlive: Bool

    private static let ofTrial: Set<String> = [
        "events.jsonl", "events.torn", "run.log", "summary.json", "output", "score.json",
    ]

    func finding() -> Finding {
        var faults: [String] = []
        var notes: [String] = []
        let hasBegun = trials.contains { $0.log != nil }
        for path in [directory.experimentPath, directory.lockPath] where hasBegun && !Files.exists(path) {
            faults.append("\(path.dropFirst(directory.path.count + 1)) is missing")
        }
        func look(_ names: [String], in place: String, known: Set<String>) {
            for name in names.sorted() where !known.contains(name) {
                if Files.isTemporary(name) {
                    // Of a living run it is gone in a moment.
                    if !isAlive { notes.append("\(place)\(name) is what a crash left of a write") }
                } else {
                    notes.append("\(place)\(name) is not Preflight's")
                }
            }
        }
        look(
            Files.list(directory.path).filter { !Names.isOfRun($0) }, in: "", known: Set(trials.map(\.kept.alias)))
        for trial in trials {
            look(Files.list(trial.directory.path), in: "\(trial.directory.place)/", known: Self.ofTrial)
            // Whatever else lies there is the agent's.
            let output = Files.list(trial.directory.outputPath).filter {
                $0.hasPrefix("budget.txt.") && Files.isTemporary($0)
            }
            look(output, in: "\(trial.directory.place)/output/", known: [])
            if Files.exists(trial.directory.scorePath), trial.directory.laterScore == nil {
                notes.append("\(trial.directory.place)/score.json is no score")
            }
            if Files.exists(trial.directory.tornPath) {
                notes.append("\(trial.directory.place)/events.torn holds what a crash left of lines that it tore")
            }
        }
        return Finding("files", faults.isEmpty ? "those of a run" : "not complete", faults: faults, notes: notes)
    }
}
