import PreflightCore
import Store

/// All that is kept of one attempt at a trial, and what its log makes of it.
struct TrialEvidence: Sendable {
    let directory: TrialDirectory
    /// Another attempt followed.
    let isEarlier: Bool
    /// As the journal, or the run's receipt where no journal knows it, has it.
    let kept: TrialSummary
    /// The trial's own `summary.json`.
    let receipt: TrialSummary?
    /// Nil where there is no log.
    let log: Log?
    /// Why something could not be read.
    let failures: [String]

    struct Log: Sendable {
        var reading: EventLogReader.Reading
        var fault: LogFault?
        /// The fold of all its events.
        var state: TrialState
        /// It has the sums of lines that are not kept; one of a version before tells only how many they were.
        var isExact: Bool
        var calls: CallBook
        /// At the log's end.
        var summary: TrialSummary
    }

    /// Of the attempt.
    var name: String { directory.attempt.name }
    var isMetered: Bool { log?.state.isMetered ?? false }
    /// The log, the journal or the receipt tells of its end.
    var hasEnded: Bool { kept.outcome != nil || receipt != nil || log?.state.outcome != nil }

    /// Reads what there is. Of a living run the journal must have been read before.
    init(_ directory: TrialDirectory, kept: TrialSummary, isEarlier: Bool = false) {
        self.directory = directory
        self.isEarlier = isEarlier
        self.kept = kept
        var failures: [String] = []
        var receipt: TrialSummary?
        if Files.exists(directory.summaryPath) {
            receipt = (try? Files.read(directory.summaryPath)).flatMap { try? JSON.parse($0) }
                .flatMap(TrialSummary.init(json:))
            if receipt == nil { failures.append("\(directory.place)/summary.json cannot be read") }
        }
        var log: Log?
        if Files.exists(directory.eventsPath) {
            do { log = try Self.read(directory, kept, mark: receipt?.log ?? kept.log, receipt) } catch {
                failures.append("\(error)")
            }
        }
        self.receipt = receipt
        self.log = log
        self.failures = failures
    }

    private static func read(
        _ directory: TrialDirectory, _ kept: TrialSummary, mark: LogMark?, _ receipt: TrialSummary?
    ) throws -> Log {
        var state = TrialState()
        var calls = CallBook()
        var tellsSums = false
        let reader = EventLogReader(directory)
        let reading = try reader.read(checkpoint: mark) { event in
            state.apply(event)
            calls.apply(event)
            if event.source == .harness, event.type == "trial_started" { tellsSums = event.fields["policies"] != nil }
        }
        let isFinal = receipt?.log != nil || kept.outcome != nil
        return Log(
            reading: reading, fault: try reader.diagnose(reading, mark: mark, isFinal: isFinal), state: state,
            isExact: state.linesNotKept == 0 || tellsSums, calls: calls,
            summary: TrialSummary(
                plan: TrialPlan(kept), state: state,
                at: reading.mark.elapsed, startedAt: kept.startedAt, log: reading.mark))
    }
}
