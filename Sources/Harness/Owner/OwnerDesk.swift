import PreflightCore
import Store
import Synchronization

/// Carries out what a run's owner asks for from other terminals, and answers in the journal.
///
/// An order is written into the log of its trial before it is carried out. A stop does not wait for a change of a budget
/// that is under way.
struct OwnerDesk: Sendable {
    let run: String
    let controls: [TrialControl]
    let stop: StopSignal
    let journal: Journal
    let world: World
    /// The budget that all trials share.
    let total: BudgetDoor
    let envelope: any TrialEnvelope
    let report: @Sendable (FieldEvent) -> Void

    /// Nil leaves the order for a later look.
    typealias Answer = OwnerRequest.Answer?

    /// Looks for orders until cancelled.
    func attend(every pause: Duration) async {
        let underWay = UnderWay()
        var lastError: String?
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                do {
                    for request in try await journal.openRequests(run: run) {
                        guard underWay.begin(request.id) else { continue }
                        group.addTask {
                            await serve(request)
                            underWay.end(request.id)
                        }
                    }
                    lastError = nil
                } catch {
                    // Said once per cause. Ctrl-C does not need the journal.
                    if !Task.isCancelled, lastError != "\(error)" {
                        report(.warning("orders from other terminals cannot be read: \(error)"))
                    }
                    lastError = "\(error)"
                }
                try? await world.clock.sleep(for: pause)
            }
        }
    }

    /// Orders that are being carried out.
    private final class UnderWay: Sendable {
        private let ids = Mutex<Set<Int64>>([])

        func begin(_ id: Int64) -> Bool { ids.withLock { $0.insert(id).inserted } }
        func end(_ id: Int64) { ids.withLock { _ = $0.remove(id) } }
    }

    private func serve(_ request: OwnerRequest) async {
        do {
            guard let answer = try await carryOut(request) else { return }
            try await journal.answer(request.id, answer, at: world.now())
        } catch {
            report(.warning("\(request.text): \(error)"))
        }
    }

    private func carryOut(_ request: OwnerRequest) async throws -> Answer {
        guard let alias = request.trial else {
            switch request.order {
            case .stop(let isQuick): return try await stopRun(request, isQuick: isQuick)
            case .eject: return no("name the trials to eject")
            case .extend(let change): return try await extendTotal(request, change)
            case .hold, .release, .steer: return no("name the trials to \(request.order.name)")
            }
        }
        guard let control = controls.first(where: { $0.plan.alias == alias }) else { return no("no trial \(alias)") }
        switch request.order {
        case .stop(let isQuick): return try await stop(control, request, isQuick: isQuick)
        case .eject(let reason): return try await eject(control, request, reason)
        case .extend(let change): return try await extend(control, request, change)
        case .hold(let reason): return try await hold(control, request, reason)
        case .release: return try await release(control, request)
        case .steer(let message): return try await steer(control, request, message)
        }
    }

    func done(_ text: String) -> Answer { OwnerRequest.Answer(isDone: true, text: text) }
    func no(_ text: String) -> Answer { OwnerRequest.Answer(isDone: false, text: text) }

    /// Begins with an order, unless it was withdrawn: from here on it is on record.
    func take(_ request: OwnerRequest) async throws -> Bool {
        guard try await journal.take(request.id, target: request.target, at: world.now()) else { return false }
        report(.asked(request))
        return true
    }
}

// MARK: Ending

extension OwnerDesk {
    private func stopRun(_ request: OwnerRequest, isQuick: Bool) async throws -> Answer {
        guard try await take(request) else { return nil }
        let left = controls.filter { !$0.isOver }
        for control in left { control.note(request) }
        stop.raise(to: isQuick ? .quick : .graceful)
        return done("stopping \(left.count) trial\(left.count == 1 ? "" : "s")")
    }

    private func stop(_ control: TrialControl, _ request: OwnerRequest, isQuick: Bool) async throws -> Answer {
        let alias = control.plan.alias
        guard !control.isOver else { return no(over(control)) }
        guard try await take(request) else { return nil }
        control.note(request)
        control.stop.raise(to: isQuick ? .quick : .graceful)
        return done(control.hasBegun ? "stopping \(alias)" : "\(alias) will not begin")
    }

    private func eject(_ control: TrialControl, _ request: OwnerRequest, _ reason: String) async throws -> Answer {
        let alias = control.plan.alias
        guard !control.isOver else { return no(over(control)) }
        guard control.stop.urgency == .none else { return no("\(alias) is being stopped already") }
        guard try await take(request) else { return nil }
        control.note(request)
        guard control.eject(.init(policy: "owner", message: reason)) else {
            return no("\(alias) is being stopped already")
        }
        return done(control.hasBegun ? "ejecting \(alias)" : "\(alias) will not begin")
    }

    func over(_ control: TrialControl) -> String {
        "\(control.plan.alias) is over\(control.outcome.map { ": \($0.rawValue)" } ?? ", and settling its account")"
    }
}
