import PreflightCore
import Store

extension TrialRunner {
    /// Looks at the trial's output directory every few seconds, and writes down what has changed: policies ask for it.
    func lookAtOutput() async -> Signal {
        var last: DirectoryLook?
        while !Task.isCancelled {
            do { try await world.clock.sleep(for: pace.output) } catch { break }
            guard recorder.trialState.phase == .running else { continue }
            let look = DirectoryLook(directory.outputPath, leavingOut: "budget.txt")
            defer { last = look }
            guard look != last ?? look || (last == nil && look.files != recorder.trialState.outputFiles) else {
                continue
            }
            recorder.record(
                "output_changed",
                [
                    "files": .int(look.files), "newest": look.newest.map { .string($0.iso8601) },
                    "cut": look.isCut ? true : nil,
                ])
        }
        return .watcherEnded
    }
}
