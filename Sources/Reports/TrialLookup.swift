package import PreflightCore

/// Finds a trial of a run by its alias, or a unique beginning of it.
package enum TrialLookup {
    package static func resolve(_ name: String, in view: RunView) throws(PreflightError) -> String {
        try resolve(name, among: view.trials.map(\.alias), of: view.id)
    }

    static func resolve(_ name: String, among aliases: [String], of run: String) throws(PreflightError) -> String {
        if aliases.contains(name) { return name }
        let matches = aliases.filter { $0.hasPrefix(name) }
        if matches.count == 1, let match = matches.first { return match }
        if matches.count > 1 {
            throw PreflightError(
                .usage, "'\(name)' names \(matches.count) trials of \(run)",
                hint: matches.prefix(5).joined(separator: ", "))
        }
        let near = aliases.sorted { NearestName.distance(name, $0) < NearestName.distance(name, $1) }.prefix(3)
        throw PreflightError(
            .usage, "there is no trial '\(name)' in \(run)", hint: "nearest: \(near.joined(separator: ", "))")
    }
}
