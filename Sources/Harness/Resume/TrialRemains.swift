import Containers
package import PreflightCore
import Store

/// Who takes a run up again, and in spite of what.
package struct Resumption: Sendable {
    /// `user@host, process 123`.
    package var who: String
    package var at: Timestamp
    /// What has changed since the run began, and was accepted.
    package var drift: [String]

    package init(who: String, at: Timestamp, drift: [String] = []) {
        self.who = who
        self.at = at
        self.drift = drift
    }

    package var json: JSON {
        .record([
            "at": .string(at.iso8601), "by": .string(who), "drift": drift.isEmpty ? nil : .strings(drift),
        ])
    }
}

/// What a dead harness has left of one trial, as its log, the journal and the engine say.
struct TrialRemains: Sendable {
    var answer: ResumeRule.Answer
    /// Nil where none was asked for.
    var container: Resource?
    /// Nil where the engine has none.
    var info: ContainerInfo?
    /// Those that the journal still knows, oldest first.
    var keys: [Resource]
    /// The trial's own.
    var network: Resource?
    /// How long nobody wrote its log.
    var silence: Duration
    var resumption: Resumption
    /// What the journal says that OpenRouter has shown of its spend: a sweep writes it down before it deletes a key.
    var noted = USD.zero
    /// A sweep has deleted its only key, which nobody could have used for so long before; nil where none has.
    var quietBeforeSweep: Duration?

    /// Its container is to be watched, or its output read.
    var hasContainer: Bool {
        switch answer {
        case .attach, .carryOut, .collect: true
        case .keep, .begin, .settle: false
        }
    }
}

/// Looks for what a dead harness has left.
struct RemainsSearch: Sendable {
    let run: String
    let workshop: Workshop
    let resumption: Resumption
    let resources: [Resource]

    init(run: String, workshop: Workshop, resumption: Resumption) async throws {
        self.run = run
        self.workshop = workshop
        self.resumption = resumption
        resources = try await workshop.journal.resources(run: run)
    }

    /// - Parameter kept: what the journal has of the trial.
    func remains(
        of attempt: TrialAttempt, _ found: EventLog.Found, kept: TrialSummary?
    ) async throws -> TrialRemains {
        let own = resources.filter { $0.trial == attempt.name }
        var container = own.last { $0.kind == .container }
        let info = try await inspect(container, found.state)
        // A guard may have ended it since.
        if info == nil, let id = container?.id { container = try await workshop.journal.resource(id) ?? container }
        let standing: ResumeRule.Container =
            switch (container, info) {
            case (nil, _): .never
            case (_, let info?) where info.isRunning: .running
            case (_, let info?): info.hasStarted ? .exited : .never
            // The journal closes an entry when somebody has removed what it stands for.
            case (let container?, nil): container.state == .gone ? .gone : .never
            }
        let rule = ResumeRule(state: found.state, container: standing, overdue: overdue(container, found))
        var remains = TrialRemains(
            answer: rule.answer, container: container, info: info,
            keys: own.filter { $0.kind == .subkey && $0.state != .gone },
            network: own.last { $0.kind == .network && $0.state != .gone },
            silence: found.lastAt.map { max(.zero, resumption.at - $0) } ?? .zero, resumption: resumption)
        guard let kept, kept.polledSpend > found.state.polledSpend else { return remains }
        remains.noted = kept.polledSpend
        let keys = own.filter { $0.kind == .subkey }
        if let key = keys.first, keys.count == 1, key.state == .gone {
            // Of a container that the sweep itself has removed, the last calls may have come after its look at the key.
            remains.quietBeforeSweep = container?.endedAt.map { max(.zero, key.updatedAt - $0) } ?? .zero
        }
        return remains
    }

    /// Why its container is gone, if it was ended because its time was over.
    private func overdue(_ container: Resource?, _ found: EventLog.Found) -> Verdict.Reason? {
        guard let container, container.wasOverdue, let endedAt = container.endedAt, let startedAt = found.startedAt
        else { return nil }
        return .overdue(after: found.state.running(at: endedAt - startedAt))
    }

    /// A docker command that outlived its harness may be about to make or start the container: it is waited for.
    private func inspect(_ container: Resource?, _ state: TrialState) async throws -> ContainerInfo? {
        guard let container else { return nil }
        let mayAppear = container.state != .gone && state.containerStarted == nil && state.judged == nil
        let deadline = ContinuousClock.now + Self.patience
        while true {
            do {
                let info = try await workshop.docker.container(container.name)
                if !info.isCreated || ContinuousClock.now >= deadline { return info }
            } catch let failure as DockerFailure where failure.kind == .noSuchObject {
                if !mayAppear || ContinuousClock.now >= deadline { return nil }
            } catch let failure as DockerFailure {
                throw PreflightError(
                    .refused,
                    "the container of \(container.trial ?? "a trial") cannot be looked at: \(failure.message)",
                    hint: failure.hint)
            }
            try await ContinuousClock().sleep(for: .milliseconds(200))
        }
    }

    private static let patience = Duration.seconds(2)
}
