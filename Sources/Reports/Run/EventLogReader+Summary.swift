import PreflightCore
import Store

extension EventLogReader {
    /// Reads a trial's whole log and holds it against its summary too: a chain that is whole says nothing of what was
    /// cut off behind it. Nil where the log is what was written.
    ///
    /// - Parameter summary: of the attempt; nil where nobody kept one.
    func read(against summary: TrialSummary?, _ take: (Event) -> Void) throws -> LogFault? {
        let reading = try read(checkpoint: summary?.log, take)
        // Of a trial that goes on, or is lost, nobody has noted the end.
        let isFinal = summary?.outcome.map { $0 != .lost } ?? false
        return try diagnose(reading, mark: summary?.log, isFinal: isFinal)
    }
}
