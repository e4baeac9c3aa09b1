/// What the fold needs besides a summary to go on from there: so the log of a trial whose harness died is read only from
/// the newest summary on.
///
/// A state that goes on from a checkpoint gives the same summaries as one that saw the whole log. It does not know what
/// eject policies ask for: whoever runs the trial on reads its log from the beginning.
package struct TrialCheckpoint: Hashable, Sendable {
    package var mark: LogMark
    var isMetered: Bool
    var gatewaySpend: USD
    var settledSpend: USD?
    var spokenEvents: Int
    var linesNotKept: Int
    var openCalls: Int
    var lastActivity: Duration?
    var doing: TrialDoing?
    var containerStarted: Duration?
    var containerExited: Duration?
    var heldSince: Duration?
    /// Answers that were counted lately: an agent may print one again.
    var responses: [UInt64]

    /// - Parameter mark: how far the log goes that `state` is the fold of.
    package init(_ state: TrialState, at mark: LogMark) {
        self.mark = mark
        isMetered = state.isMetered
        gatewaySpend = state.gatewaySpend
        settledSpend = state.settledSpend
        spokenEvents = state.spokenEvents
        linesNotKept = state.linesNotKept
        openCalls = state.openCalls
        lastActivity = state.lastActivity
        doing = state.doing
        containerStarted = state.containerStarted
        containerExited = state.containerExited
        heldSince = state.hold?.since
        responses = state.recentResponses
    }
}

extension TrialState {
    /// The state at a summary's checkpoint, as far as summaries show it; an empty one where it has none.
    package init(continuing summary: TrialSummary) {
        self.init()
        guard let checkpoint = summary.checkpoint else { return }
        phase = summary.phase
        model = summary.model
        budget = summary.budget
        events = summary.events
        toolCalls = summary.toolCalls
        turns = summary.turns
        snapshots = summary.snapshots
        errors = summary.errors
        usage = summary.usage
        reportedSpend = summary.reportedSpend
        polledSpend = summary.polledSpend
        unknownUpTo = summary.unknownUpTo
        exitCode = summary.exitCode
        pause = summary.pause.map { Pause(reason: $0) }
        pausedFor = summary.pausedFor
        hold = summary.hold.map { Hold(reason: $0, since: summary.checkpoint?.heldSince ?? .zero) }
        heldFor = summary.heldFor
        warnings = summary.warnings
        raceMarks = summary.raceMarks
        score = summary.score
        outcome = summary.outcome
        reason = summary.reason
        cause = summary.cause
        left = summary.left
        isMetered = checkpoint.isMetered
        gatewaySpend = checkpoint.gatewaySpend
        settledSpend = checkpoint.settledSpend
        spokenEvents = checkpoint.spokenEvents
        linesNotKept = checkpoint.linesNotKept
        openCalls = checkpoint.openCalls
        lastActivity = checkpoint.lastActivity
        doing = checkpoint.doing
        containerStarted = checkpoint.containerStarted
        containerExited = checkpoint.containerExited
        for hash in checkpoint.responses { _ = remember(response: hash) }
    }
}

extension TrialCheckpoint {
    package var json: JSON {
        func seconds(_ duration: Duration?) -> JSON? { duration.map { .number($0.decimalSeconds(places: 6)) } }
        return .record([
            "log": mark.json, "metered": .bool(isMetered), "gateway_usd": .usd(gatewaySpend),
            "settled_usd": settledSpend.map(JSON.usd), "agent_events": .int(spokenEvents),
            "lines_not_kept": .int(linesNotKept), "open_calls": openCalls > 0 ? .int(openCalls) : nil,
            "last_activity_s": seconds(lastActivity), "doing": doing.map { .string($0.text) },
            "doing_since_s": seconds(doing?.since), "container_started_s": seconds(containerStarted),
            "container_exited_s": seconds(containerExited), "held_since_s": seconds(heldSince),
            "answers": .strings(responses.map { ChainLink(value: $0).hex }),
        ])
    }

    package init?(json: JSON) {
        guard let mark = json["log"].flatMap(LogMark.init(json:)) else { return nil }
        func duration(_ key: String) -> Duration? {
            json[key]?.numberText.flatMap(Duration.init(decimalSeconds:))
        }
        self.mark = mark
        isMetered = json["metered"]?.bool ?? false
        gatewaySpend = json["gateway_usd"]?.usd() ?? .zero
        settledSpend = json["settled_usd"]?.usd()
        spokenEvents = json["agent_events"]?.int ?? 0
        linesNotKept = json["lines_not_kept"]?.int ?? 0
        openCalls = json["open_calls"]?.int ?? 0
        lastActivity = duration("last_activity_s")
        doing = json["doing"]?.string.flatMap { text in
            duration("doing_since_s").map { TrialDoing(text: text, since: $0) }
        }
        containerStarted = duration("container_started_s")
        containerExited = duration("container_exited_s")
        heldSince = duration("held_since_s")
        responses = json["answers"]?.array?.compactMap { $0.string.flatMap { ChainLink(hex: $0.utf8)?.value } } ?? []
    }
}
