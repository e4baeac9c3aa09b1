/// Suggests what was probably meant by a misspelt name.
package enum NearestName {
    /// The candidate with the fewest single-letter edits, when that is at most a third of the name's length.
    package static func of(_ name: String, among candidates: some Sequence<String>) -> String? {
        let limit = max(2, name.count / 3)
        let wanted = Array(name.lowercased().utf8)
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            let letters = Array(candidate.lowercased().utf8)
            guard abs(letters.count - wanted.count) <= limit else { continue }
            let distance = editDistance(wanted, letters)
            if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// `did you mean '…'?`, or nil where nothing is near.
    package static func hint(_ name: String, among candidates: some Sequence<String>) -> String? {
        of(name, among: candidates).map { "did you mean '\($0)'?" }
    }

    /// How many single-letter edits lie between two names, case aside.
    package static func distance(_ a: String, _ b: String) -> Int {
        editDistance(Array(a.lowercased().utf8), Array(b.lowercased().utf8))
    }

    /// Levenshtein's distance.
    static func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var previous = Array(0...b.count)
        var current = previous
        for (i, x) in a.enumerated() {
            current[0] = i + 1
            for (j, y) in b.enumerated() {
                current[j + 1] = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (x == y ? 0 : 1))
            }
            swap(&previous, &current)
        }
        return previous[b.count]
    }
}
