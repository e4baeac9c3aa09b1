package import PreflightCore

/// The times that decide how a run behaves. The defaults are for real providers; tests shorten them.
package struct Pace: Sendable {
    /// Between two looks at a sub-key's spend.
    package var poll = Duration.seconds(2)
    /// Between two looks of time-based policies.
    package var tick = Duration.milliseconds(250)
    package var budgetFile = Duration.seconds(30)
    /// Between two looks at a trial's output directory.
    package var output = Duration.seconds(2)
    /// Between two writes of the field's state for `status`.
    package var status = Duration.seconds(1)
    /// Between two waits for the disk to have what was recorded.
    package var disk = Duration.milliseconds(500)
    /// Between two looks for orders of the owner from other terminals.
    package var requests = Duration.milliseconds(250)
    /// Between two renewals of the run's lease.
    package var lease = RunLease.pause
    /// From the polite stop of a container to its kill.
    package var grace = Duration.seconds(2)
    /// How long it is tried to stop a container of an engine that answers.
    package var kill = Duration.seconds(60)
    /// How long an eject waits for OpenRouter to disable the key before it stops the container anyway.
    package var disable = Duration.milliseconds(1500)
    /// How long a finished trial waits for late usage, and how often it looks.
    package var settle = Duration.seconds(30)
    package var settlePoll = Duration.seconds(2)
    /// How long it is tried at most to make a key while OpenRouter's management API is away. Less than `keyGrace`, by
    /// which a key outlives its trial however late it is made.
    package var keyOutage = Duration.seconds(300)
    /// How long it is tried to delete a key that OpenRouter does not take back, and to make one for a container that
    /// lives: nobody watches it meanwhile.
    package var giveBack = Duration.seconds(120)
    /// How long a trial waits for an engine that went away.
    package var engineReturn = Duration.seconds(180)
    /// How long after its end a run looks again for what a dead process of it may still have been making.
    package var lateStart = Duration.seconds(5)
    /// What a sub-key outlives its trial's wall limit by.
    package var keyGrace = Duration.seconds(600)

    package init() {}
}

/// All that a field needs to run.
package struct RunPlan: Sendable {
    package var experiment: Experiment
    package var trials: [TrialPlan]
    /// Pinned: an image id, so that a new build of the same name does not change a running field.
    package var imageID: String
    package var prompt: String?
    /// As OpenRouter is reached from this machine.
    package var baseURL: String
    /// Whether containers are told the address, because it is not OpenRouter's own.
    package var passesBaseURL: Bool
    /// The way to the models with `access: gateway`; nil where containers call OpenRouter themselves.
    package var access: ModelAccess?
    /// What scores the trials' output; nil where nothing does.
    package var scorer: ScorerPlan?
    package var pace = Pace()
    package var bounds = TrialRecorder.Bounds()

    package init(
        experiment: Experiment, trials: [TrialPlan], imageID: String, prompt: String?, baseURL: String,
        passesBaseURL: Bool
    ) {
        self.experiment = experiment
        self.trials = trials
        self.imageID = imageID
        self.prompt = prompt
        self.baseURL = baseURL
        self.passesBaseURL = passesBaseURL
    }
}

/// What a field tells whoever watches it, as it happens.
package enum FieldEvent: Sendable {
    case runStarted(id: String, directory: String, trials: Int)
    case trialStarted(TrialPlan)
    /// Of a run whose harness died; how, in a word.
    case resumed(TrialPlan, String)
    case containerStarted(TrialPlan)
    case stopping(TrialPlan, String)
    /// A policy fired that does not end the trial: its action, its name and what was measured.
    case fired(TrialPlan, PolicyAction, String)
    case settling(TrialPlan)
    /// Its scorer has ended: with a score, or without.
    case scored(TrialPlan, TrialScore)
    case finished(TrialSummary)
    /// How all trials stand now: whenever that has changed, as often as the journal is written.
    case standing([TrialSummary])
    /// The owner asks for something from another terminal.
    case asked(OwnerRequest)
    case warning(String)
}
