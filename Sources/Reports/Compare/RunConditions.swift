package import PreflightCore
import Store

/// Under which conditions a run's trials were run, by its record.
package struct RunConditions: Sendable {
    package var run: String
    package var lock: Provenance
    /// `experiment.yaml` as it was resolved; nil where it cannot be read.
    package var experiment: JSON?
    package var trials: [TrialConditions]
    /// What had changed when the run was taken up again all the same.
    package var drift: [String]
    package var unfinished: Int

    /// What happened to a trial that others did not have.
    package struct TrialConditions: Sendable {
        package var alias: String
        package var source: ModelSource
        package var budget: USD
        /// Orders of its owner that changed what it could do: `steer`, `extend`, `hold`, `release`.
        package var orders: [String] = []
        package var didPricesChange = false
        /// Why its log is not to be believed.
        package var damage: String?
        /// How an earlier attempt ended that its owner gave another chance; nil where there was none, or nobody saw it.
        package var secondChance: String?

        package init(alias: String, source: ModelSource, budget: USD) {
            self.alias = alias
            self.source = source
            self.budget = budget
        }
    }

    package init(run: String, lock: Provenance, experiment: JSON?, trials: [TrialConditions], drift: [String] = []) {
        self.run = run
        self.lock = lock
        self.experiment = experiment
        self.trials = trials
        self.drift = drift
        unfinished = 0
    }

    /// Reads the record of a run, its logs among it.
    ///
    /// - Parameter experiment: `experiment.yaml`, as a tree.
    package static func read(_ view: RunView, experiment: JSON?) async -> RunConditions {
        let directory = RunDirectory(path: view.directory, id: view.id)
        let lock = Provenance.read(directory.lockPath)
        var conditions = RunConditions(
            run: view.id, lock: lock, experiment: experiment, trials: [],
            drift: (lock.resumed + lock.retried).flatMap { $0["drift"]?.array?.compactMap(\.string) ?? [] })
        // What was lost with its process may be taken up again, until something says that the run is over.
        conditions.unfinished = view.trials.count { $0.outcome == nil || $0.outcome == .lost && !view.isFinished }
        conditions.trials = await withTaskGroup(of: (Int, TrialConditions).self) { group in
            for (index, trial) in view.trials.enumerated() {
                group.addTask { (index, TrialConditions.read(trial, in: directory)) }
            }
            var found: [(Int, TrialConditions)] = []
            for await trial in group { found.append(trial) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
        return conditions
    }
}

extension RunConditions.TrialConditions {
    static func read(_ summary: TrialSummary, in directory: RunDirectory) -> Self {
        var trial = Self(alias: summary.alias, source: summary.source, budget: summary.budget)
        trial.secondChance = summary.earlier.first { Fate($0) != .missing }?.outcome?.rawValue
        let place = directory.trial(summary.attempt)
        guard Files.exists(place.eventsPath) else {
            if summary.log != nil { trial.damage = "its event log is missing" }
            return trial
        }
        do {
            let reading = try EventLogReader(place).read(checkpoint: summary.log) { event in
                guard event.source == .harness || event.source == .gateway else { return }
                switch event.type {
                case "owner_request":
                    guard let order = event.fields["order"]?.string,
                        ["steer", "extend", "hold", "release"].contains(order), !trial.orders.contains(order)
                    else { return }
                    trial.orders.append(order)
                case "prices_changed": trial.didPricesChange = true
                default: break
                }
            }
            if let fault = reading.fault {
                trial.damage = "its event log is damaged: \(fault.text)"
            } else if reading.agreesWithCheckpoint != true, summary.outcome != nil, summary.log != nil {
                trial.damage = "its event log is not what its receipt knows"
            }
        } catch {
            trial.damage = "\(error)"
        }
        return trial
    }
}
