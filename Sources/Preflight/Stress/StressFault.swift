import PreflightCore

/// What is done to Preflight. Each is a row of the table.
enum StressFault: Hashable, Sendable {
    /// SIGKILL for the harness at random times.
    case killHarness
    /// SIGKILL for the harness at a marked step.
    case killStep(MarkedStep)
    /// SIGKILL for `preflight gateway` while callers use it.
    case killGateway
    /// SIGKILL for a harness and its guard.
    case killGuard
    /// SIGKILL for a harness; the guard is to end its containers.
    case orphans
    /// SIGKILL for the harness of eight living trials.
    case resumeEight
    /// SIGKILL for the Docker engine: one of the suite's own.
    case killEngine
    case provider(Provider)
    /// OpenRouter refuses to delete keys.
    case managementDown
    case agent(Agent)
    /// The disk that runs are written to is filled by an agent.
    case diskFull

    /// What a provider does wrong.
    enum Provider: String, CaseIterable, Sendable {
        case rateLimit = "rate-limit"
        case rateLimitAfter = "rate-limit-after"
        case serverError = "error-500"
        case overloaded = "error-529"
        case hang
        case hangCharged = "hang-charged"
        case dropped
        case slow
        case cutStream = "cut-stream"
        case truncatedStream = "truncated-stream"

        /// As the simulator takes it in a call; `stream:` where the call is to be streamed.
        var order: String {
            switch self {
            case .rateLimit: "status;status=429"
            case .rateLimitAfter: "status;status=429;retry_after=1"
            case .serverError: "status;status=500"
            case .overloaded: "status;status=529"
            case .hang: "hang"
            case .hangCharged: "hang;carried_out=true"
            case .dropped: "drop;carried_out=true"
            case .slow: "stream:stall;delay=2s"
            case .cutStream: "stream:cut_stream"
            case .truncatedStream: "stream:truncated_stream"
            }
        }

        var text: String {
            switch self {
            case .rateLimit: "429 without Retry-After"
            case .rateLimitAfter: "429 with Retry-After"
            case .serverError: "500"
            case .overloaded: "529"
            case .hang: "no answer at all"
            case .hangCharged: "no answer, and a charge"
            case .dropped: "the connection closes, and a charge"
            case .slow: "a stream that stands still for 2 s"
            case .cutStream: "a stream that is cut in its middle"
            case .truncatedStream: "a stream that is cut after three events"
            }
        }

        var alias: String { "fault-\(rawValue)" }
    }

    /// What an agent does that is not its work.
    enum Agent: String, CaseIterable, Sendable {
        case stubborn, daemon
        case forkBomb = "fork-bomb"
        case logFlood = "log-flood"
        case links

        var alias: String {
            switch self {
            case .stubborn: "stubborn"
            case .daemon: "daemon"
            case .forkBomb: "bomb"
            case .logFlood: "flood"
            case .links: "links"
            }
        }

        var text: String {
            switch self {
            case .stubborn: "ejected: ignores SIGTERM"
            case .daemon: "ejected: a detached daemon writes every 10 ms"
            case .forkBomb: "ejected: forks without end"
            case .logFlood: "ejected: prints without end"
            case .links: "ejected: puts links to a file of the host into its output"
            }
        }
    }

    /// What `--only` takes.
    var id: String {
        switch self {
        case .killHarness: "kill-harness"
        case .killStep(let step): "kill-at:\(step.rawValue)"
        case .killGateway: "kill-gateway"
        case .killGuard: "kill-guard"
        case .orphans: "orphans"
        case .resumeEight: "resume-eight"
        case .killEngine: "kill-engine"
        case .provider(let fault): fault.rawValue
        case .managementDown: "management-down"
        case .agent(let agent): agent.rawValue
        case .diskFull: "disk-full"
        }
    }

    /// What is done, for the table.
    var text: String {
        switch self {
        case .killHarness: "kill -9 of the harness at a random time, resume"
        case .killStep: "kill -9 of the harness at this step, resume"
        case .killGateway: "kill -9 of the gateway under calls, start"
        case .killGuard: "kill -9 of harness and guard, sweep"
        case .orphans: "kill -9 of the harness, the guard ends, resume"
        case .resumeEight: "kill -9 with eight living trials, resume"
        case .killEngine: "kill -9 of the Docker engine, start"
        case .provider(let fault): fault.text
        case .managementDown: "OpenRouter deletes no key, sweep"
        case .agent(let agent): agent.text
        case .diskFull: "an agent fills the disk of the runs"
        }
    }

    static let all: [StressFault] =
        [.killHarness, .resumeEight] + MarkedStep.allCases.map(Self.killStep) + [
            .killGateway, .killGuard, .orphans, .killEngine,
        ] + Provider.allCases.map(Self.provider) + [.managementDown] + Agent.allCases.map(Self.agent) + [.diskFull]

    /// Words that mean several at once.
    static let groups: [String: @Sendable (StressFault) -> Bool] = [
        "kill-at": { if case .killStep = $0 { true } else { false } },
        "provider": { if case .provider = $0 { true } else { false } },
        "agents": { if case .agent = $0 { true } else { false } },
    ]
}
