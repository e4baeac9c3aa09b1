import PreflightCore

/// What an owner does to a running trial by hand, and policies by themselves.
extension OwnerDesk {
    func hold(_ control: TrialControl, _ request: OwnerRequest, _ reason: String) async throws -> OwnerRequest.Answer? {
        if let refusal = notRunning(control, "hold it") { return no(refusal) }
        guard control.canHold else {
            return no("\(control.plan.alias) has access: direct: only calls through the gateway can be held")
        }
        guard try await take(request) else { return nil }
        control.note(request)
        guard control.hold(reason: reason, by: request) else { return no("\(control.plan.alias) is held already") }
        return done("\(control.plan.alias): its calls wait")
    }

    func release(_ control: TrialControl, _ request: OwnerRequest) async throws -> OwnerRequest.Answer? {
        if let refusal = notRunning(control, "release it") { return no(refusal) }
        guard try await take(request) else { return nil }
        control.note(request)
        guard control.release(request) else { return no("\(control.plan.alias) is not held") }
        return done("\(control.plan.alias): its calls go on")
    }

    func steer(
        _ control: TrialControl, _ request: OwnerRequest, _ message: String
    ) async throws -> OwnerRequest.Answer? {
        if let refusal = notRunning(control, "steer it") { return no(refusal) }
        guard try await take(request) else { return nil }
        control.note(request)
        control.steer(message, by: request)
        return done("\(control.plan.alias): told")
    }

    private func notRunning(_ control: TrialControl, _ what: String) -> String? {
        if control.isOver { return over(control) }
        if !control.hasBegun { return "\(control.plan.alias) has not begun: \(what) once it runs" }
        return control.isEnding ? "\(control.plan.alias) is being stopped already" : nil
    }
}
