import PreflightCore

/// What came of injecting one fault a number of times.
struct StressResult: Sendable {
    var fault: StressFault
    /// How the containers reached their models.
    var variant = ""
    var injected = 0
    var verdicts: [StressVerdict] = []
    /// From the order to eject to a dead container.
    var ejections: [Duration] = []
    /// From the start of `resume` until every living trial was watched again.
    var resumptions: [Duration] = []
    /// Why nothing was injected.
    var skipped: String?

    /// Itself; what was neither injected nor skipped has shown nothing, and does not pass.
    var honest: StressResult {
        guard skipped == nil, injected == 0, broken.isEmpty else { return self }
        var result = self
        result.verdicts.append(.broken(.outcome, "it was injected 0 times"))
        return result
    }

    var broken: [StressVerdict] { verdicts.filter { $0.broken != nil } }

    static let resumeLimit = Duration.seconds(5)
    /// At the 99th percentile.
    static let ejectLimit = Duration.seconds(5)
}
