import Foundation
import PreflightCore
import Store

/// What the environment says, `.env` in the working directory included. Variables that are set win over the file.
struct Settings: Sendable {
    static let standardBaseURL = "https://openrouter.ai/api/v1"

    let environment: [String: String]

    init(environment: [String: String] = ProcessInfo.processInfo.environment, directory: String = ".") throws {
        let path = directory + "/.env"
        var values = Files.exists(path) ? try Self.parse(try Files.read(path, limit: 1 << 20)) : [:]
        values.merge(environment) { $1 }
        self.environment = values
    }

    var baseURL: String { value("OPENROUTER_BASE_URL") ?? Self.standardBaseURL }
    var isStandardBaseURL: Bool { baseURL == Self.standardBaseURL }
    var managementKey: Secret? { (value("OR_ADMIN_KEY") ?? value("OPENROUTER_ADMIN_KEY")).map(Secret.init) }
    var inferenceKey: Secret? { value("OPENROUTER_API_KEY").map(Secret.init) }

    func value(_ name: String) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Reads `NAME=value` lines: comments, blank lines, `export` and quotes as shells have them. A quoted value may have
    /// several lines.
    static func parse(_ bytes: [UInt8]) throws(PreflightError) -> [String: String] {
        var values: [String: String] = [:]
        let text = String(decoding: bytes, as: UTF8.self)
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        var next = 0
        while next < lines.count {
            let number = next
            var line = lines[number].trimmingCharacters(in: .whitespaces)
            next += 1
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("export ") { line = line.dropFirst(7).trimmingCharacters(in: .whitespaces) }
            guard let equals = line.firstIndex(of: "="), equals != line.startIndex else {
                // The line may hold a secret: it is not shown.
                throw PreflightError(.usage, ".env:\(number + 1): expected NAME=value")
            }
            let name = line[..<equals].trimmingCharacters(in: .whitespaces)
            var value = line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces)
            if let quote = value.first, quote == "\"" || quote == "'", let end = value.dropFirst().firstIndex(of: quote)
            {
                value = String(value[value.index(after: value.startIndex)..<end])
            } else if let quote = value.first, quote == "\"" || quote == "'",
                let last = lines[next...].firstIndex(where: { $0.contains(quote) })
            {
                let parts = [value.dropFirst()] + lines[next..<last] + [lines[last].prefix { $0 != quote }]
                value = parts.joined(separator: "\n")
                next = last + 1
            } else if let comment = value.range(of: " #") {
                value = value[..<comment.lowerBound].trimmingCharacters(in: .whitespaces)
            }
            values[name] = value
        }
        return values
    }
}
