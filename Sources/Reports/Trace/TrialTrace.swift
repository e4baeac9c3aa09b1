package import PreflightCore
import Store

/// A trial's course, for a picture: what it spent when, its calls and tools, and what was decided about it.
///
/// It takes a log line by line, as far as that goes now, and goes on from there later. What it keeps is bounded, however
/// long the log is.
package struct TrialTrace: Sendable {
    /// Something worth a mark: a verdict, a failure, an order of the owner.
    package struct Mark: Sendable, Equatable {
        package enum Kind: String, Sendable { case verdict, failure, order, weather, snapshot, phase }

        package var kind: Kind
        /// Since the trial began.
        package var elapsed: Duration
        package var type: String
        package var text: String
        /// What was measured, where the event says more than its text.
        package var evidence: JSON.Object
        /// Of its line in the event log.
        package var offset: Int

        var policy: String? { evidence["policy"]?.string }
    }

    package private(set) var state = TrialState()
    package private(set) var curve = SpendCurve()
    package private(set) var calls = SpanTrack()
    package private(set) var tools = SpanTrack()
    /// The first and the newest ones.
    package private(set) var marks: [Mark] = []
    package private(set) var startedAt: Timestamp?
    /// Of the newest event, since the trial began.
    package private(set) var elapsed = Duration.zero
    /// Until where the log was read.
    package private(set) var offset = 0
    /// Changes with every line that was taken.
    package private(set) var lines = 0

    private var openMessage: Duration?
    private var openTools: [(id: String, name: String, start: Duration)] = []
    private var lastCost = USD.zero

    private static let mostMarks = 200
    private static let mostOpenTools = 64

    package init() {}

    /// Reads on to the log's end.
    ///
    /// - Parameter most: bytes to read at once. True when there is more.
    package mutating func read(_ path: String, most: Int = 64 << 20) throws -> Bool {
        var bounds = LinePages.Bounds()
        bounds.lines = 4096
        let pages = LinePages(path: path)
        let start = offset
        while offset - start < most {
            var skipped = 0
            let page = try pages.forward(from: offset, bounds: bounds) { line in
                guard Self.isOfInterest(line) else {
                    skipped += 1
                    return false
                }
                return true
            }
            // A log that is shorter than it was is another one.
            guard page.size >= offset else {
                self = TrialTrace()
                return true
            }
            for line in page.lines where !line.isOpen {
                if let event = Event(line: line.bytes[...]) { take(event, at: line.offset) }
            }
            lines += skipped
            let isStill = page.after == offset
            offset = page.after
            if page.isAtEnd || isStill { return false }
        }
        return true
    }

    /// Lines of output that is no event, and beginnings that nothing follows from, need not be read.
    private static func isOfInterest(_ line: UnsafeRawBufferPointer) -> Bool {
        guard let head = LineHead(line) else { return true }
        return head.type != "raw"
    }

    package mutating func take(_ event: Event, at offset: Int) {
        if startedAt == nil { startedAt = event.timestamp + (.zero - event.elapsed) }
        lines += 1
        elapsed = max(elapsed, event.elapsed)
        state.apply(event)
        curve.take(state.spend, at: event.elapsed)
        // What is known better in the end may be less.
        if event.source == .harness, event.type == "spend_reconciled" || event.type == "trial_finished" {
            curve.settle(state.spend, at: state.containerExited ?? event.elapsed)
        }
        if let budget = state.budget { curve.take(cap: budget, at: event.elapsed) }
        takeSpans(event, at: offset)
        if let mark = Self.mark(event, at: offset) { add(mark) }
    }

    private mutating func add(_ mark: Mark) {
        var mark = mark
        if mark.kind == .verdict {
            // What a verdict set in motion is no further verdict.
            let follows = ["ejected": "eject_decided", "eject_decided": "policy_fired"][mark.type]
            if let last = marks.last(where: { $0.kind == .verdict }), last.type == follows, last.policy == mark.policy {
                return
            }
            if mark.evidence["evidence"] == nil { mark.evidence = mark.evidence.adding(facts(at: mark.elapsed)) }
        }
        marks.append(mark)
        if marks.count > Self.mostMarks { marks.remove(at: Self.mostMarks / 2) }
    }

    /// How the trial stood, for a verdict that does not say by what it was made.
    private func facts(at elapsed: Duration) -> JSON.Object {
        var facts = JSON.Object()
        facts.append("spent", .string("\(state.spend)\(state.budget.map { " of \($0)" } ?? "")"))
        facts.append("turns", .int(state.turns))
        facts.append("tool_calls", .int(state.toolCalls))
        facts.append("snapshots", .int(state.snapshots))
        facts.append("idle", .string(state.idle(at: elapsed).shortText))
        return facts
    }

    private mutating func takeSpans(_ event: Event, at offset: Int) {
        switch (event.source, event.type) {
        case (.gateway, "call_settled"), (.gateway, "call_held"), (.gateway, "call_failed"), (.gateway, "call_refused"):
            let length = event.fields["duration_s"]?.numberText.flatMap(Duration.init(decimalSeconds:)) ?? .zero
            let status = event.fields["status"]?.int ?? 200
            calls.add(
                TraceSpan(
                    start: max(.zero, event.elapsed - length), end: event.elapsed,
                    label: Self.label(event.fields["model"]?.string ?? "call"), cost: event.fields["cost_usd"]?.usd(),
                    isFailure: event.type != "call_settled" || status >= 400, offset: offset))
        case (.agent, "message_start"):
            openMessage = event.elapsed
        case (.agent, "message_end"):
            defer { openMessage = nil }
            // The gateway has told of the same call.
            guard !state.isMetered else { return }
            let cost = state.reportedSpend - lastCost
            lastCost = state.reportedSpend
            calls.add(
                TraceSpan(
                    start: openMessage ?? event.elapsed, end: event.elapsed, label: state.model,
                    cost: cost > .zero ? cost : nil, offset: offset))
        case (.agent, "tool_execution_start"):
            if openTools.count >= Self.mostOpenTools { openTools.removeFirst() }
            openTools.append(
                (
                    event.fields["toolCallId"]?.string ?? "", Self.label(event.fields["toolName"]?.string ?? "tool"),
                    event.elapsed
                ))
        case (.agent, "tool_execution_end"):
            let id = event.fields["toolCallId"]?.string ?? ""
            guard let index = openTools.lastIndex(where: { $0.id == id }) else { return }
            let tool = openTools.remove(at: index)
            tools.add(
                TraceSpan(
                    start: tool.start, end: event.elapsed, label: tool.name,
                    isFailure: event.fields["isError"]?.bool ?? false, offset: offset))
        default: break
        }
    }
}

extension TrialTrace {
    private static func mark(_ event: Event, at offset: Int) -> Mark? {
        guard let kind = kind(event) else { return nil }
        func word(_ key: String) -> String? { event.fields[key]?.string }
        let text =
            word("message") ?? word("reason") ?? word("error") ?? word("note") ?? word("label") ?? word("outcome")
            ?? word("order") ?? ""
        let said = ["message", "reason", "error", "note", "label"]
        var evidence = JSON.Object()
        // What agents and providers say is as long as they like.
        if event.source == .harness, kind == .verdict || kind == .order {
            for member in event.fields.members.prefix(24) where !said.contains(member.key) {
                evidence.append(member.key, member.value)
            }
        }
        return Mark(
            kind: kind, elapsed: event.elapsed, type: event.type, text: PlainText.cut(PlainText.oneLine(text), to: 400),
            evidence: evidence, offset: offset)
    }

    private static func label(_ text: String) -> String { PlainText.cut(text, to: 80) }

    private static func kind(_ event: Event) -> Mark.Kind? {
        switch event.source {
        case .agent:
            return event.type == "error" ? .failure : event.type == "snapshot" ? .snapshot : nil
        case .gateway:
            return switch event.type {
            case "call_refused", "call_failed", "call_held", "key_refused": .failure
            case "calls_paused", "calls_resumed", "prices_changed": .weather
            default: nil
            }
        case .harness:
            if event.type.hasPrefix("policy_") || event.type.hasPrefix("hook_") || event.type.hasPrefix("steer") {
                return .verdict
            }
            if event.type.hasSuffix("_failed") || event.type.contains("_not_") { return .failure }
            return switch event.type {
            case "eject_decided", "stop_decided", "ejected", "trial_held", "trial_released": .verdict
            case "owner_request", "budget_extended", "total_extended": .order
            case "engine_lost", "engine_back", "output_gap": .weather
            case "trial_started", "container_started", "container_exited", "trial_ended", "trial_finished",
                "trial_resumed":
                .phase
            default: nil
            }
        }
    }
}

extension JSON.Object {
    fileprivate func adding(_ other: JSON.Object) -> JSON.Object {
        var sum = self
        for member in other.members where sum[member.key] == nil { sum.append(member.key, member.value) }
        return sum
    }
}
