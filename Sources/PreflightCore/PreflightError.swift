/// What a person is told when something cannot be done: what is wrong, where, and what to do about it.
package struct PreflightError: Error, Sendable, Equatable {
    package enum Code: String, Sendable {
        /// Wrong flags or a wrong experiment file.
        case usage
        /// Preflight refused to start; nothing was spent.
        case refused
        /// Preflight, or something it depends on, failed.
        case failed
    }

    package var code: Code
    package var message: String
    /// The exact next step, where there is one.
    package var hint: String?
    /// Where in a document it is wrong, e.g. `models[1].budget`.
    package var place: String?

    package init(_ code: Code, _ message: String, hint: String? = nil, place: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.place = place
    }
}

extension PreflightError: CustomStringConvertible {
    package var description: String { hint.map { "\(message)\n\nhint: \($0)" } ?? message }
}

/// The exit statuses of the command.
package enum ExitStatus: Int32, Sendable {
    case success = 0
    /// The answer is no: a check failed, a trial failed or was ejected.
    case no = 1
    /// Preflight refused; nothing was spent.
    case refused = 3
    /// Wrong usage or experiment file.
    case usage = 64
    /// Preflight itself failed.
    case failed = 70
    case interrupted = 130
    case terminated = 143
}

extension PreflightError {
    package var exitStatus: ExitStatus {
        switch code {
        case .usage: .usage
        case .refused: .refused
        case .failed: .failed
        }
    }
}
