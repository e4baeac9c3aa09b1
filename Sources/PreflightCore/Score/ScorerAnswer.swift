/// What a scorer's program said, once it has ended by itself.
package enum ScorerAnswer: Hashable, Sendable {
    case score(Double, metrics: [String: Double])
    /// Why it is none, in words that start in lower case.
    case none(String)

    package static let mostMetrics = 100
    private static let mostName = 64

    /// - Parameters:
    ///   - lastLine: the last line of standard output that is not blank; nil where there is none.
    ///   - isCut: it was longer than is kept.
    ///   - lastStderr: the last lines of standard error.
    package init(exitCode: Int, lastLine: String?, isCut: Bool = false, lastStderr: [String] = []) {
        guard exitCode == 0 else {
            let words = lastStderr.last { !$0.allSatisfy(\.isWhitespace) }
            self = .none("exit code \(exitCode)" + (words.map { ": \(Self.cut($0))" } ?? ""))
            return
        }
        guard let lastLine else {
            self = .none("it printed nothing; its last line must be a number, or {\"score\": number}")
            return
        }
        guard !isCut, let json = try? JSON.parse(lastLine) else {
            self = .none("its last line is neither a number nor a JSON object: \(Self.cut(lastLine))")
            return
        }
        if let value = json.real {
            self = .score(value, metrics: [:])
            return
        }
        guard let object = json.object else {
            self = .none("its last line is neither a number nor a JSON object: \(Self.cut(lastLine))")
            return
        }
        guard let value = object["score"]?.real else {
            self = .none("its last line has no number as score: \(Self.cut(lastLine))")
            return
        }
        let named = object.members.filter { $0.key != "score" && $0.key.utf8.count <= Self.mostName }
        let numbers = named.compactMap { member in member.value.real.map { (member.key, $0) } }
        self = .score(value, metrics: Dictionary(numbers.prefix(Self.mostMetrics)) { $1 })
    }

    private static func cut(_ text: String) -> String {
        text.count > 200 ? text.prefix(200) + "…" : text
    }
}
