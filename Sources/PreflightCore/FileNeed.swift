/// How many files a process that runs a field has open at a time.
package enum FileNeed {
    /// - Parameters:
    ///   - concurrency: trials at a time.
    ///   - limit: the most that the system allows.
    /// - Throws: `refused` where it is not enough.
    package static func check(concurrency: Int, isBehindGateway: Bool, limit: Int) throws(PreflightError) {
        let needed = files(concurrency: concurrency, isBehindGateway: isBehindGateway)
        guard limit < needed else { return }
        throw PreflightError(
            .refused, "this process may open \(limit) files, and \(concurrency) trials at a time need \(needed)",
            hint: "raise the limit (`ulimit -n \(needed)`, LimitNOFILE of a service), or lower concurrency")
    }

    /// Of a trial: two logs, the pipes of its docker commands, and with the gateway its listener and its connections on
    /// both sides.
    static func files(concurrency: Int, isBehindGateway: Bool) -> Int {
        128 + concurrency * (isBehindGateway ? 56 : 24)
    }
}
