import PreflightCore

/// What came of injecting one fault a number of times.
struct StressResult: Sendable {
    var fault: String
    /// How the containers reached their models, or what else tells two results of a fault apart.
    var variant = ""
    var injected = 0
    var verdicts: [StressVerdict] = []
    /// From the decision to eject to a dead container.
    var ejections: [Duration] = []
    /// From the start of `resume` until every living trial was watched again.
    var resumptions: [Duration] = []
    /// Why nothing was injected.
    var skipped: String?

    var broken: [StressVerdict] { verdicts.filter { $0.broken != nil } }
}
