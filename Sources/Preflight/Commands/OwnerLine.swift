import Harness
import PreflightCore
import Store

/// The way to a living run's harness, through the journal.
struct OwnerLine: Sendable {
    let journal: Journal
    let run: String
    let lockPath: String
    let world: World

    struct Reply: Sendable {
        var request: Int64
        var trial: String?
        var answer: OwnerRequest.Answer
    }

    /// Whoever asks does not wait any more once it rises.
    var stop = StopSignal()

    private static let look = Duration.milliseconds(100)

    /// Asks for every trial, or for the run where none is named, and waits for the answers.
    func ask(
        _ order: OwnerOrder, trials: [String], who: String, within patience: Duration
    ) async throws -> [Reply] {
        var open: [(id: Int64, trial: String?)] = []
        do {
            for trial in trials.isEmpty ? [nil] : trials.map(Optional.some) {
                open.append((try await journal.ask(order, run: run, trial: trial, who: who, at: world.now()), trial))
            }
            let deadline = world.uptime() + patience
            var replies: [Reply] = []
            for (id, trial) in open {
                let answer = try await self.answer(to: id, order, until: deadline)
                replies.append(Reply(request: id, trial: trial, answer: answer))
            }
            return replies
        } catch {
            // Nobody waits for the rest of them either.
            for (id, _) in open { _ = try? await journal.withdraw(id, at: world.now()) }
            throw error
        }
    }

    private func answer(to id: Int64, _ order: OwnerOrder, until deadline: Duration) async throws -> OwnerRequest.Answer
    {
        while true {
            // Asked first: a harness that dies after its answer has answered.
            let isAlive = HarnessLock.holder(path: lockPath) == .living
            let request = try await journal.request(id)
            if let answer = request?.answer { return answer }
            guard isAlive else { return try await desertion(id) }
            guard world.uptime() < deadline, stop.urgency == .none else { return try await silence(id, order) }
            try await world.clock.sleep(for: Self.look)
        }
    }

    /// Nobody is there any more who could carry it out, and whoever takes the run up later is not to find it.
    private func desertion(_ id: Int64) async throws -> OwnerRequest.Answer {
        let isWithdrawn = try await journal.withdraw(id, at: world.now())
        if !isWithdrawn, let answer = try await journal.request(id)?.answer { return answer }
        throw PreflightError(
            .refused,
            "\(run) ended before it answered"
                + (isWithdrawn ? ": the order is withdrawn" : ", and had begun with the order"),
            hint: "`preflight status \(run)` shows how it stands; `preflight sweep` removes what it left"
                + (isWithdrawn ? "" : ", `preflight resume` carries the order out"))
    }

    /// What nobody waits for any more is not to come later; an end is wanted late, too.
    private func silence(_ id: Int64, _ order: OwnerOrder) async throws -> OwnerRequest.Answer {
        if order.isWithdrawn, try await journal.withdraw(id, at: world.now()) {
            return .init(isDone: false, text: "\(run) does not answer: the order is withdrawn")
        }
        if let answer = try await journal.request(id)?.answer { return answer }
        return .init(
            isDone: false, text: "\(run) does not answer; the order stands, and is carried out as soon as it can")
    }

    /// Follows trials to their end, or for as long as it may take; none named are all of the run.
    func follow(
        _ aliases: [String], within patience: Duration, say: (String) -> Void
    ) async throws -> [TrialSummary] {
        let deadline = world.uptime() + patience
        var told: [String: String] = [:]
        while true {
            let isAlive = HarnessLock.holder(path: lockPath) == .living
            let trials = try await journal.trials(run: run).map(\.summary).filter {
                aliases.isEmpty || aliases.contains($0.alias)
            }
            for trial in trials {
                let state = trial.outcome?.rawValue ?? trial.phase.rawValue
                if told.updateValue(state, forKey: trial.alias) != state, told.count <= trials.count {
                    say("\(trial.alias): \(state)")
                }
            }
            let isOver = trials.allSatisfy { $0.outcome != nil }
            // The lock goes last: then everything is given back.
            if isOver && !(aliases.isEmpty && isAlive) || !isAlive || world.uptime() >= deadline { return trials }
            if stop.urgency > .none { return trials }
            try await world.clock.sleep(for: Self.look)
        }
    }
}
