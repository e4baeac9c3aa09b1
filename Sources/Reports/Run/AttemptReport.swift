package import PreflightCore
package import Store

/// One attempt at a trial, told by its log in one pass: bounded in size, however long the log is.
package struct AttemptReport: Sendable {
    package var summary: TrialSummary
    package var attempt: TrialAttempt
    /// Where it lies; nil for one that was not read.
    package var directory: TrialDirectory?
    package var curve = SpendCurve()
    package var calls = CallTally()
    /// By the model asked for, and its upstream.
    package var models: [ModelSource: CallTally] = [:]
    /// Who served, and how many calls.
    package var served: [Serving: Int] = [:]
    /// The first and the newest, oldest first.
    package var moments: [Moment] = []
    /// Those between them that are left out.
    package var momentsLeftOut = 0
    /// Calls are told by the gateway, and not by the agent alone.
    package var isMetered = false
    /// Calls of each tool.
    package var tools: [String: Int] = [:]
    /// Why there is no more to tell, where the log cannot be read or is not what was written.
    package var damage: String?

    package static let momentLimit = 200
    private static let nameLimit = 64

    /// Who answered calls to a model.
    package struct Serving: Hashable, Sendable, Comparable {
        package var model: String
        package var servedModel: String?
        package var provider: String?
        package var upstream: String?

        package static func < (a: Serving, b: Serving) -> Bool {
            (a.model, a.servedModel ?? "", a.provider ?? "", a.upstream ?? "")
                < (b.model, b.servedModel ?? "", b.provider ?? "", b.upstream ?? "")
        }
    }

    /// How the attempt is called: the alias, and from the second attempt on with its number.
    package var name: String { attempt.name }

    package init(summary: TrialSummary, attempt: TrialAttempt? = nil) {
        self.summary = summary
        self.attempt = attempt ?? summary.attempt
    }

    /// Reads the attempt's log. What cannot be read is told in `damage`.
    ///
    /// - Parameters:
    ///   - event: is given every event.
    ///   - call: is given every call, in the order of their ends.
    package static func read(
        _ summary: TrialSummary, in directory: TrialDirectory, event each: (Event) -> Void = { _ in },
        call give: (CallEntry) -> Void = { _ in }
    ) -> AttemptReport {
        var report = AttemptReport(summary: summary, attempt: directory.attempt)
        report.directory = directory
        guard Files.exists(directory.eventsPath) else {
            if summary.log != nil { report.damage = "its event log is missing" }
            return report
        }
        var state = TrialState()
        var fold = CallFold()
        do {
            let fault = try EventLogReader(directory).read(against: summary) { event in
                state.apply(event)
                report.take(event, state)
                each(event)
                fold.take(event) {
                    report.take($0)
                    give($0)
                }
            }
            report.damage = fault.map { "its event log is damaged: \($0.text)" }
        } catch {
            report.damage = "\(error)"
        }
        fold.finish {
            report.take($0)
            give($0)
        }
        report.isMetered = state.isMetered
        // A trial that ended long after its last cost was there until then.
        report.curve.settle(
            state.outcome == nil ? report.curve.spend : state.spend, at: state.containerExited ?? report.curve.end)
        return report
    }

    private mutating func take(_ event: Event, _ state: TrialState) {
        if state.containerExited == nil || state.spend > curve.spend { curve.take(state.spend, at: event.elapsed) }
        if let budget = state.budget { curve.take(cap: budget, at: event.elapsed) }
        if event.source == .agent {
            guard event.type == "tool_execution_start" else { return }
            let name = PlainText.cut(event.fields["toolName"]?.string ?? "tool", to: 80)
            if tools[name] != nil || tools.count < Self.nameLimit { tools[name, default: 0] += 1 }
            return
        }
        guard let moment = Moment(event, spend: state.spend) else { return }
        moments.append(moment)
        guard moments.count > Self.momentLimit else { return }
        moments.remove(at: Self.momentLimit / 2)
        momentsLeftOut += 1
    }

    private mutating func take(_ call: CallEntry) {
        calls.take(call)
        let source = ModelSource(
            model: call.model, upstream: call.upstream == CallEntry.openRouter ? nil : call.upstream)
        if models[source] != nil || models.count < Self.nameLimit { models[source, default: CallTally()].take(call) }
        if call.isAnswered, call.ending == .settled {
            let serving = Serving(
                model: call.model, servedModel: call.servedModel, provider: call.provider, upstream: call.upstream)
            if served[serving] != nil || served.count < Self.nameLimit { served[serving, default: 0] += 1 }
        }
    }
}
