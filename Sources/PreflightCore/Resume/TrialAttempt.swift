/// One attempt at a trial: a trial that failed can be run again.
///
/// Its name is the alias for the first attempt, and `llama@2` for the second. Whatever is made for an attempt carries
/// it: sub-key, scope in the ledger, entries of the journal, the first link of its log.
package struct TrialAttempt: Hashable, Sendable {
    package var alias: String
    /// From 1.
    package var number: Int

    package init(alias: String, number: Int = 1) {
        self.alias = alias
        self.number = number
    }

    /// Reads a name; one that is none is taken for an alias.
    package init(name: String) {
        let parts = name.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = Int(parts[1]), number > 1 else {
            self.init(alias: name)
            return
        }
        self.init(alias: String(parts[0]), number: number)
    }

    package var name: String { number > 1 ? "\(alias)@\(number)" : alias }
}
