package import PreflightCore
package import Store
import Synchronization

/// The one place where facts about a trial are stamped, appended, folded and judged.
///
/// Output of the container, polls and the clock all come here from tasks of their own; each fact is appended to the
/// event log before the policy sees it. The first verdict to eject is kept and announced once.
package final class TrialRecorder: Sendable {
    /// Bounds of what one trial may make us keep.
    package struct Bounds: Sendable {
        /// Longer lines are cut.
        package var line = 64 << 10
        /// Bytes of `events.jsonl` that the agent's own lines may fill, and of `run.log`.
        package var log = 256 << 20
        /// Bytes of `events.jsonl` for lines that are no events.
        package var raw = 8 << 20

        package init() {}
    }

    struct State: ~Copyable {
        var watch: PolicyWatch
        var events: EventLog
        var log: AppendFile
        var stdout: LineSplitter
        var stderr: LineSplitter
        var stderrTail: [String] = []
        var rawBytes = 0
        /// Of standard output, those that are not kept included.
        var lines = 0
        /// When the first and the last of them were taken.
        var firstLineAt: Timestamp?
        var lastLineAt: Timestamp?
        /// Of the agent, that are not kept.
        var unkept = UnkeptLines()
        /// A sign of life that the log does not tell of yet.
        var unheard: Duration?
        var isLogFull = false
        /// Bytes of the event log that are known to be on the disk.
        var synchronized = 0
        var failure: PreflightError?
        var hasVerdict = false
        var hasGap = false
        /// When it was last looked at, by a tick or for an event.
        var lookedAt: Duration?
        /// The way to the trial's calls, while there is one.
        var calls: ModelAccess.CallDoor?
        /// Policies that have fired and are not told of yet.
        var fired: [FiredPolicy] = []
        /// The same, of a trial whose container does not run yet.
        var early: [FiredPolicy] = []
    }

    package let plan: TrialPlan
    package let startedAt: Timestamp
    let policies: PolicyList
    let races: [(rule: Int, race: Race)]
    private let raceClock: RaceClock
    let bounds: Bounds
    let world: World
    private let startedUptime: Duration
    /// Told of every fact, in order, with what is known then. It must be quick, and not come back here.
    private let observe: (@Sendable (Event, TrialState) -> Void)?
    let state: Mutex<State>
    private let announce: AsyncStream<Verdict.Reason>.Continuation
    /// The first verdict to eject, when there is one.
    package let verdicts: AsyncStream<Verdict.Reason>
    private let tell: AsyncStream<Event>.Continuation
    /// What policies and the owner have done to the trial, for whoever runs it to act on.
    package let actions: AsyncStream<Event>
    /// What the log held when it was opened.
    package let found: EventLog.Found

    /// Begins a trial's record, or goes on with the one there is.
    ///
    /// - Parameter lastStderr: the end of what an earlier process has heard on standard error.
    package convenience init(
        plan: TrialPlan, directory: TrialDirectory, policies: PolicyList, bounds: Bounds = Bounds(),
        lastStderr: [String] = [], world: World, observe: (@Sendable (Event, TrialState) -> Void)? = nil
    ) throws {
        try self.init(
            plan: plan, directory: directory, policies: policies, bounds: bounds, lastStderr: lastStderr, world: world,
            raceClock: RaceClock(), observe: observe)
    }

    /// - Parameter raceClock: that of all trials of the field.
    init(
        plan: TrialPlan, directory: TrialDirectory, policies: PolicyList, bounds: Bounds, lastStderr: [String],
        world: World, raceClock: RaceClock, observe: (@Sendable (Event, TrialState) -> Void)?
    ) throws {
        self.raceClock = raceClock
        self.observe = observe
        self.plan = plan
        self.policies = policies
        races = Race.all(of: policies.rules)
        self.bounds = bounds
        self.world = world
        let events = try EventLog(directory, policies: policies)
        let log = try AppendFile(path: directory.logPath, limit: bounds.log)
        let now = world.now()
        found = events.found
        startedAt = found.startedAt ?? now
        // The time that nobody watched counts; a wall clock that went back must not take any away.
        startedUptime = world.uptime() - max(events.mark.elapsed, now - startedAt)
        state = Mutex(
            State(
                watch: found.watch, events: events, log: log, stdout: LineSplitter(limit: bounds.line),
                stderr: LineSplitter(limit: bounds.line), stderrTail: lastStderr, rawBytes: found.output.rawBytes,
                lines: found.output.lines, firstLineAt: found.output.firstAt, lastLineAt: found.output.lastAt,
                hasGap: found.output.hasGap, fired: found.watch.firedUntold))
        (verdicts, announce) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
        // What is dropped is in the log, and a trial that is told so much more often is past telling.
        (actions, tell) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(4096))
    }

    /// Since the trial began; never goes back, even if the wall clock does. As exact as the log is, so that whoever reads
    /// it judges by the same times.
    package var elapsed: Duration {
        .microseconds(max(.zero, world.uptime() - startedUptime).wholeMicroseconds)
    }
}

// MARK: Facts

extension TrialRecorder {
    /// Appends a harness event. It is with the system when this returns, and a weighty one on the disk.
    package func record(_ type: String, _ fields: KeyValuePairs<String, JSON?> = [:]) {
        record(type, JSON.record(fields).object ?? JSON.Object())
    }

    func record(_ type: String, _ object: JSON.Object) {
        let isWeighty = state.withLock { state in
            // What time has brought about stands before what may end all judging.
            if !Self.unwatched.contains(type) {
                advance(&state)
                judge(&state)
            }
            let event = Event(timestamp: world.now(), elapsed: elapsed, source: .harness, type: type, fields: object)
            append(event, to: &state)
            flush(&state)
            judge(&state)
            return event.isWeighty
        }
        if isWeighty { synchronize() }
    }

    /// What may be told before anybody watches a trial again: the time until then is nobody's silence.
    private static let unwatched: Set<String> = ["trial_resumed", "owner_request"]

    /// Appends an event of the gateway.
    package func recordGateway(_ type: String, _ fields: JSON.Object) {
        state.withLock { state in
            append(
                Event(timestamp: world.now(), elapsed: elapsed, source: .gateway, type: type, fields: fields),
                to: &state)
            flush(&state)
            judge(&state)
        }
    }

    /// Records that the container runs; false when that is known already.
    package func recordStart(container: String) -> Bool {
        state.withLock { state in
            guard state.watch.state.containerStarted == nil else { return false }
            let fields = JSON.Object([.init(key: "container", value: .string(container))])
            append(
                Event(
                    timestamp: world.now(), elapsed: elapsed, source: .harness, type: "container_started",
                    fields: fields), to: &state)
            flush(&state)
            state.fired += state.early
            state.early = []
            judge(&state)
            return true
        }
    }

    /// Before ticks are judged: what was heard before the last event or tick counts for them.
    private func advance(_ state: inout State) {
        let now = elapsed
        noteAbsence(at: now, &state)
        if let heard = state.unheard, heard > state.watch.state.lastActivity ?? .zero,
            now - (state.watch.state.lastActivity ?? .zero) >= Self.hearing - PolicyWatch.grid
        {
            tellHeard(&state, at: max(heard, state.events.mark.elapsed, state.watch.judgedUntil))
        }
        state.fired += state.watch.advance(to: now)
    }

    /// Nobody looks for so long unless the machine slept or the process was stopped.
    private static var absence: Duration { .seconds(20) }

    /// What came about while nobody looked is not held against the trial.
    private func noteAbsence(at now: Duration, _ state: inout State) {
        defer { state.lookedAt = max(now, state.lookedAt ?? now) }
        guard let last = state.lookedAt, now - last > Self.absence, state.watch.state.phase == .running else { return }
        let fields: JSON = ["gap_s": .number((now - last).decimalSeconds(places: 3))]
        put(
            Event(
                timestamp: world.now(), elapsed: now, source: .harness, type: TrialState.watchGap,
                fields: fields.object ?? JSON.Object()), &state)
    }

    func append(_ event: Event, to state: inout State) {
        noteAbsence(at: event.elapsed, &state)
        guard !races.isEmpty else { return put(event, &state) }
        markRaces(at: event.elapsed, stampedAs: event.timestamp, &state)
        put(event, &state)
        markRaces(after: event, &state)
    }

    func put(_ event: Event, _ state: inout State) {
        guard !races.isEmpty, RaceBook.News.mayBe(event) else { return write(event, &state) }
        raceClock.stamp(event) { write($0, &state) }
    }

    private func write(_ event: Event, _ state: inout State) {
        state.events.append(event)
        let fired = state.watch.take(event)
        if !fired.isEmpty { state.fired += fired }
        observe?(event, state.watch.state)
        guard event.source == .harness, Self.actionTypes.contains(event.type) else { return }
        act(event, state)
        tell.yield(event)
    }

    func flush(_ state: inout State) {
        do {
            try state.events.flush()
            try state.log.flush()
        } catch {
            note(error, in: &state)
        }
    }

    private func note(_ error: any Error, in state: inout State) {
        state.failure = state.failure ?? (error as? PreflightError) ?? PreflightError(.failed, "\(error)")
    }

    /// Writes down what has fired, and announces it. All that it rests on is with the system by now.
    func judge(_ state: inout State) {
        while !state.fired.isEmpty {
            let fired = state.fired.removeFirst()
            guard state.watch.state.phase == .running else { continue }
            append(
                Event(
                    timestamp: world.now(), elapsed: elapsed, source: .harness, type: FiredPolicy.eventType,
                    fields: fired.fields), to: &state)
            // In one write with what comes of it.
            carryOut(fired, &state)
            flush(&state)
            if fired.rule.action == .eject, !state.hasVerdict {
                announce(fired.rule.telling(fired.reason), in: &state)
            }
        }
        // A trial whose record cannot be kept must not go on: what it does would be lost.
        guard let failure = state.failure, !state.hasVerdict, state.watch.state.phase == .running else { return }
        announce(.init(policy: Verdict.recordFailed, message: failure.message), in: &state)
    }

    func announce(_ reason: Verdict.Reason, in state: inout State) {
        state.hasVerdict = true
        announce.yield(reason)
        announce.finish()
    }
}

extension TrialRecorder {
    /// Takes a verdict from outside its policies, in every phase before the stop. False when it is too late.
    func eject(_ reason: Verdict.Reason) -> Bool {
        state.withLock { state in
            let isTooLate = [.stopping, .settling, .finished].contains(state.watch.state.phase)
            guard !state.hasVerdict, !isTooLate else { return false }
            announce(reason, in: &state)
            return true
        }
    }
}

// MARK: Views

extension TrialRecorder {
    /// Lets time-based policies speak.
    package func tick() {
        state.withLock { state in
            advance(&state)
            if !races.isEmpty {
                markRaces(at: elapsed, stampedAs: world.now(), &state)
                flush(&state)
            }
            judge(&state)
        }
    }

    package var trialState: TrialState { state.withLock { $0.watch.state } }
    /// Of the event log.
    package var logBytes: Int { state.withLock { $0.events.mark.bytes } }
    package var lastStderr: [String] { state.withLock { $0.stderrTail } }
    /// What could not be written, if anything.
    package var failure: PreflightError? { state.withLock { $0.failure } }

    package var summary: TrialSummary {
        state.withLock { state in
            TrialSummary(
                plan: plan, state: state.watch.state, at: elapsed, startedAt: startedAt, lastStderr: state.stderrTail,
                log: state.events.mark, nearest: state.watch.nearest(at: elapsed))
        }
    }

    /// Waits until the disk has every event recorded before. A failure is the record's: see `failure`.
    ///
    /// The trial's events go on meanwhile.
    package func synchronize() {
        let (file, target, isDone) = state.withLock { state in
            (state.events.file, state.events.mark.bytes, state.events.mark.bytes <= state.synchronized)
        }
        guard !isDone else { return }
        do {
            try file.synchronize()
            state.withLock { $0.synchronized = max($0.synchronized, target) }
        } catch {
            state.withLock { note(error, in: &$0) }
        }
    }

    package func budgetText(_ mode: BudgetFile.Mode) -> String {
        state.withLock { state in
            BudgetFile.text(
                limit: state.watch.state.budget ?? plan.budget, spent: state.watch.state.spend, mode: mode,
                recent: state.watch.state.recentActions, actions: state.watch.state.toolCalls,
                messages: state.watch.state.messages)
        }
    }
}
