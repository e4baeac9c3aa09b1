import PreflightCore

/// What a command policy's program has said so far: what of it is news to the trial's log.
struct CommandAnswers {
    /// What counts by the log.
    private var standing: Verdict
    private var lastError: String?

    /// - Parameter standing: what the log has of it already.
    init(standing: Verdict?) { self.standing = standing ?? .stay }

    /// True where it says something else than before.
    mutating func take(_ answer: Verdict) -> Bool {
        lastError = nil
        defer { standing = answer }
        return answer != standing
    }

    /// It gave no answer, which ejects nothing: whether a yes stood until then, and whether the cause is another one.
    mutating func fail(_ error: String) -> (endsYes: Bool, isNew: Bool) {
        defer {
            standing = .stay
            lastError = error
        }
        return (standing != .stay, error != lastError)
    }
}
