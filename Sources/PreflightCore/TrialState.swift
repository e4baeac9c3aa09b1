/// What is known of a trial: a fold of its events, and nothing else.
///
/// Eject policies and the status table read it. The same events always give the same state, so a verdict can be
/// replayed from the log.
package struct TrialState: Hashable, Sendable {
    package var phase = Phase.pending
    package var model = ""
    package var budget: USD?

    package var events = 0
    /// Those of a type that agents speak: an agent that speaks also reports its costs.
    package var spokenEvents = 0
    package var toolCalls = 0
    package var turns = 0
    package var snapshots = 0
    package var errors = 0
    package var lastError: String?
    /// Calls that the provider refused because the key's budget was used up or could not pay for them.
    package var budgetRefusals = 0
    /// Those since the last answer that had a usage.
    package var budgetRefusalsInARow = 0
    package var agentEnded = false

    package var usage = Usage()
    /// The sum of the costs that the agent's answers stated.
    package var reportedSpend = USD.zero
    /// The most that the provider ever said the sub-key had spent: its figure is late and goes up and down.
    package var polledSpend = USD.zero
    package var hasSpendData = false
    /// Whether any answer of the agent stated its cost, be it nothing.
    package var hasReportedCost = false
    /// Calls go through the gateway: its figures are exact, and those of the agent are not added to them.
    package var isMetered = false
    /// What the ledger counts as spent: settled, or sent with an unknown cost.
    package var gatewaySpend = USD.zero
    /// Calls through the gateway that have ended.
    package var calls = 0
    /// Why calls wait for the provider now; nil where none does.
    package var pause: Pause?
    /// How long they have waited in outages that are over.
    package var pausedFor = Duration.zero
    /// What the provider said to the newest call, if it was no answer.
    package var providerRefusal: ProviderRefusal?
    /// The provider's final figure, once it stood still.
    package var settledSpend: USD?
    /// The most that may still turn up on the bill, once its spend was asked for and could not be settled.
    package var unknownUpTo: USD?

    /// The fields of the agent's newest `progress`, at most `contextLimit` of them.
    package var context: [String: JSON] = [:]
    package var recentActions: [BudgetFile.Action] = []
    /// Answers of custom policies, newest per policy.
    package var customVerdicts: [String: Verdict] = [:]
    /// Files in the output directory, when it was last looked at, without `budget.txt`.
    package var outputFiles = 0
    /// When it had changed last.
    package var outputChanged: Duration?
    /// The tool that was called last.
    package var lastTool: String?
    /// What policies remember of what it did; nil where none asks for it.
    package var habits: Habits?

    /// Since the trial began; nil until then.
    package var containerStarted: Duration?
    package var lastActivity: Duration?
    package var containerExited: Duration?
    package var exitCode: Int?
    /// What it does now; nil before it begins and after its end.
    package var doing: TrialDoing?
    /// Calls through the gateway that are under way.
    var openCalls = 0
    package var outcome: Outcome?
    /// Why it ended, in a sentence.
    package var reason: String?
    /// A stable word for what stands behind its outcome; nil where that says it all.
    package var cause: String?
    /// Of the newest sub-key.
    package var keyHash: String?
    /// Until then what happens came about unwatched: nothing is judged by it.
    package var unwatchedUntil = Duration.zero
    /// Rules that have fired, by their places in the list.
    package var firedRules: Set<Int> = []
    /// The stop that was decided on, from then on.
    package var decided: EndRule.Stop?
    /// Why, where no policy did.
    package var stopReason: String?
    /// How it ended, once its container is dead, and why.
    package var judged: Judgement?
    /// Whether the last word on its spend has been said.
    package var isReconciled = false
    /// What could not be given back, each by its kind and name.
    package var left: [String] = []
    /// The agent's lines that were applied and are not in the log.
    package var linesNotKept = 0

    /// Its calls wait for its owner; nil while they do not.
    package var hold: Hold?
    /// How long they have waited in holds that are over.
    package var heldFor = Duration.zero
    /// Messages for the agent: how many there were, the newest, and which no model has seen yet by their numbers.
    package var steers = 0
    package var messages: [Steer] = []
    package var undelivered: [Int] = []
    /// How often policies have fired, and the hooks of those firings that have not ended.
    package var firings = 0
    package var owedHooks: [OwedHook] = []
    /// What policies and hooks had to tell that did not end the trial, the newest.
    package var warnings: [String] = []
    /// Its measure at the checkpoints of races, by the race's rule; empty where it had none.
    package var raceMarks: [String: String] = [:]
    /// What its scorer made of its output, or why there is no score.
    package var score: TrialScore?

    package static let contextLimit = 100
    private static let rememberedResponses = 10_000

    private var unattributedCost = USD.zero
    private var seenResponses: Set<UInt64> = []
    /// The newest of them.
    private(set) var recentResponses: [UInt64] = []

    /// The provider fails, and calls of the trial wait for the end of that.
    package struct Pause: Hashable, Sendable {
        package var reason: String
        /// Models whose calls do.
        var models = 1
    }

    /// How a trial ended, and why in a sentence.
    package struct Judgement: Hashable, Sendable {
        package var outcome: Outcome
        package var reason: String
        package var cause: String?
    }

    package init() {}

    /// What the trial has spent as far as anybody has said: the provider's final figure, and before it the larger of
    /// the two views. What an agent says counts up to its budget: more its key cannot have paid, but for an overrun,
    /// which the provider tells.
    package var spend: USD {
        if let settledSpend { return settledSpend }
        if isMetered { return max(gatewaySpend, polledSpend) }
        return max(budget.map { min(reportedSpend, $0) } ?? reportedSpend, polledSpend)
    }

    package var remaining: USD? { budget.map { max(.zero, $0 - spend) } }

    /// For the end of an outage, or for its owner.
    var callsWait: Bool { pause != nil || hold != nil }

    /// Since the last sign of life, or since the start where there was none; zero before the container runs.
    package func idle(at elapsed: Duration) -> Duration {
        // A call that waits is not the trial's silence.
        guard let containerStarted, !callsWait else { return .zero }
        return max(.zero, elapsed - max(lastActivity ?? containerStarted, containerStarted))
    }

    package func running(at elapsed: Duration) -> Duration {
        containerStarted.map { max(.zero, (containerExited ?? elapsed) - $0) } ?? .zero
    }

    /// Share of prompt tokens read from a cache, in parts per thousand; nil without prompt tokens.
    package var cachePermille: Int? {
        usage.cachePermille
    }
}

extension TrialState {
    /// The event that says that nobody looked for a while: the machine slept, or the process was stopped.
    package static let watchGap = "watch_gap"
    /// How long after such a time what had gathered meanwhile is taken in before anything is judged.
    static let settling = Duration.seconds(5)

    /// Whatever it did meanwhile was not heard when it came: its silence begins anew, and nothing is held against it
    /// before all of that is read.
    private mutating func noteUnwatched(at elapsed: Duration) {
        lastActivity = elapsed
        unwatchedUntil = elapsed + Self.settling
    }
    /// Returns what may be otherwise now.
    @discardableResult
    package mutating func apply(_ event: Event) -> TrialFacts {
        let facts: TrialFacts
        switch event.source {
        case .agent:
            facts = applyAgent(event)
            noteAgentDoing(event)
        case .harness:
            let before = phase
            facts = applyHarness(event)
            if phase != before || event.type == "trial_resumed" { notePhase(at: event.elapsed) }
        case .gateway:
            facts = applyGateway(event)
            noteGatewayDoing(event)
        }
        if habits != nil { noteHabits(event, facts) }
        return facts
    }

    private mutating func applyAgent(_ event: Event) -> TrialFacts {
        events += 1
        if event.type != "raw" { spokenEvents += 1 }
        lastActivity = event.elapsed
        switch event.type {
        case "tool_execution_start":
            toolCalls += 1
            let tool = event.fields["toolName"]?.string ?? "tool"
            lastTool = tool
            recordAction(tool)
            return [.events, .tools, applyUsage(event.fields)]
        case "tool_execution_end": return [.events, applyUsage(event.fields)]
        case "message_end":
            turns += 1
            return [.events, .turns, applyUsage(event.fields)]
        case "snapshot":
            snapshots += 1
            return [.events, .output]
        case "error":
            errors += 1
            lastError = event.fields["message"]?.string ?? lastError
            // The gateway has told of its own refusals.
            if !isMetered, let code = event.fields["code"]?.int, code == 402 || isKeyLimit(code, event.fields) {
                budgetRefusals += 1
                budgetRefusalsInARow += 1
            }
            return [.events, .errors, .money]
        case "progress":
            context = [:]
            for member in event.fields.members.prefix(Self.contextLimit) { context[member.key] = member.value }
            return [.events, .context]
        case "agent_end": agentEnded = true
        default: break
        }
        return .events
    }

    /// OpenRouter answers 403 for a used-up key, but also for moderation: only the first names the key's limit.
    private func isKeyLimit(_ code: Int, _ fields: JSON.Object) -> Bool {
        code == 403 && (fields["message"]?.string?.contains("limit exceeded") ?? false)
    }

    private mutating func applyUsage(_ fields: JSON.Object) -> TrialFacts {
        guard let json = fields["usage"] ?? fields["message"]?["usage"], let usage = Usage(json: json) else {
            return []
        }
        // An agent may print one answer's usage twice, with the message and with its tool.
        if let id = fields["responseId"]?.string ?? fields["generation_id"]?.string {
            guard remember(response: id.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })
            else { return [] }
        }
        guard !isMetered else { return [] }
        self.usage = self.usage + usage
        budgetRefusalsInARow = 0
        guard let cost = usage.cost else { return .tokens }
        reportedSpend += cost
        hasSpendData = true
        hasReportedCost = true
        unattributedCost += cost
        if fields["toolName"] != nil, !recentActions.isEmpty {
            recentActions[recentActions.count - 1].cost += unattributedCost
            unattributedCost = .zero
        }
        return [.tokens, .money]
    }

    /// False when it is known already.
    mutating func remember(response hash: UInt64) -> Bool {
        if seenResponses.count >= Self.rememberedResponses { seenResponses.removeAll() }
        guard seenResponses.insert(hash).inserted else { return false }
        if recentResponses.count >= 8 { recentResponses.removeFirst() }
        recentResponses.append(hash)
        return true
    }

    mutating func remember(responsesOf other: TrialState) { seenResponses = other.seenResponses }

    /// The cost of an answer is put down to the first tool that it calls.
    private mutating func recordAction(_ name: String) {
        noteAction(name, cost: unattributedCost)
        unattributedCost = .zero
    }

    mutating func noteAction(_ name: String, cost: USD) {
        recentActions.append(BudgetFile.Action(name: name, cost: cost))
        if recentActions.count > 5 { recentActions.removeFirst() }
    }

    private mutating func noteLeft(_ kind: String, _ name: JSON?) {
        let text = "\(kind) \(name?.string ?? "?")"
        if !left.contains(text) { left.append(text) }
    }

    private mutating func applyHarness(_ event: Event) -> TrialFacts {
        switch event.type {
        case "trial_started":
            model = event.fields["model"]?.string ?? model
            budget = event.fields["budget"]?.usd() ?? budget
            isMetered = event.fields["access"]?.string == "gateway"
            // One that begins anew has new keys: nothing that was said of the spend before is the last word.
            isReconciled = false
            settledSpend = nil
            unknownUpTo = nil
            phase = .provisioning
        case "trial_resumed":
            // Whatever it did unheard: its silence begins anew.
            noteUnwatched(at: event.elapsed)
            pause = nil
            openCalls = 0
        case Self.watchGap: noteUnwatched(at: event.elapsed)
        case "subkey_created":
            keyHash = event.fields["hash"]?.string ?? keyHash
            // A trial that goes on gets a new one while its container runs.
            if containerStarted == nil { phase = .starting }
        case "container_started":
            phase = .running
            containerStarted = event.elapsed
        case "budget_poll":
            guard let spent = event.fields["spent"]?.usd() else { return [] }
            hasSpendData = true
            if spent > polledSpend {
                polledSpend = spent
                // A model is thinking: the agent may be silent, but the trial is not idle.
                lastActivity = event.elapsed
            }
        case "spend_reconciled":
            isReconciled = true
            unknownUpTo = event.fields["unknown_up_to"]?.usd()
            if isMetered {
                settledSpend = event.fields["spent"]?.usd() ?? spend
            } else if event.fields["settled"]?.bool == true {
                settledSpend = polledSpend
            }
        case "budget_extended":
            budget = event.fields["budget"]?.usd() ?? budget
            // Refusals of before say nothing of the new budget.
            budgetRefusalsInARow = 0
        case "policy_answer":
            guard let policy = event.fields["policy"]?.string else { return [] }
            let ejects = event.fields["eject"]?.bool ?? false
            customVerdicts[policy] =
                ejects ? .eject(.init(policy: policy, message: event.fields["reason"]?.string ?? "asked for")) : .stay
        case "eject_decided":
            phase = .stopping
            decided = .ejected(Verdict.Reason(decision: event))
        case "stop_decided":
            phase = .stopping
            decided = .cancelled
            stopReason = event.fields["reason"]?.string
        case "container_exited":
            // Of one that ended unseen the engine knows when.
            containerExited =
                event.fields["exited_s"]?.numberText.flatMap(Duration.init(decimalSeconds:)) ?? event.elapsed
            exitCode = event.fields["exit_code"]?.int
            phase = .settling
            pause = nil
            endHold(at: event.elapsed)
        case "trial_ended":
            judged = event.fields["outcome"]?.string.flatMap(Outcome.init(rawValue:)).map {
                Judgement(
                    outcome: $0, reason: event.fields["reason"]?.string ?? "", cause: event.fields["cause"]?.string)
            }
        case "trial_finished":
            phase = .finished
            outcome = event.fields["outcome"]?.string.flatMap(Outcome.init(rawValue:))
            reason = event.fields["reason"]?.string
            cause = event.fields["cause"]?.string
        case "subkey_not_deleted": noteLeft("sub-key", event.fields["name"] ?? event.fields["hash"])
        case "container_not_removed": noteLeft("container", event.fields["container"])
        case "network_not_removed": noteLeft("network", event.fields["network"])
        case "subkey_deleted": left.removeAll { $0 == "sub-key \(event.fields["name"]?.string ?? "")" }
        case "container_removed": left.removeAll { $0 == "container \(event.fields["container"]?.string ?? "")" }
        case "output_changed":
            outputFiles = max(0, event.fields["files"]?.int ?? outputFiles)
            outputChanged = event.elapsed
            return .output
        case "activity":
            lastActivity = event.elapsed
            return .life
        case "lines_not_kept": applyUnkept(event)
        case "policy_failed", "budget_poll_failed", "owner_request": return []
        case FiredPolicy.eventType:
            applyAction(event)
            return []
        default: applyAction(event)
        }
        return .anything
    }
}
