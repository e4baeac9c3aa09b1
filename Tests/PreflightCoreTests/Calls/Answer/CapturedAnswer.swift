import Foundation
import PreflightCore
import TestSupport
import Testing

/// One recorded answer of `Tests/Data/captures`, with what a plain reading of it finds.
struct CapturedAnswer: CustomTestStringConvertible, Sendable {
    var path: String
    var dialect: Dialect

    var testDescription: String { path }
    var isStream: Bool { path.hasSuffix(".sse") }

    func bytes() throws -> [UInt8] { try TestData.bytes("captures/" + path) }

    static let all: [CapturedAnswer] = ["openrouter", "neighbours"].flatMap { folder -> [CapturedAnswer] in
        let index = (try? TestData.json("captures/\(folder)/index.json"))?.array ?? []
        return index.compactMap { entry in
            guard let uri = entry["uri"]?.string, let file = entry["response"]?.string, !uri.hasSuffix("/models") else {
                return nil
            }
            let dialect: Dialect =
                uri.hasSuffix("/messages") ? .messages : uri.hasSuffix("/responses") ? .responses : .chat
            return CapturedAnswer(path: "\(folder)/\(file)", dialect: dialect)
        }
    }

    static let streams = all.filter(\.isStream)
    static let bodies = all.filter { !$0.isStream }

    /// Every event's JSON, read by cutting the text at blank lines and parsing it whole.
    func events() throws -> [JSON] {
        let text = String(decoding: try bytes(), as: UTF8.self)
        return try text.split(separator: "\n").compactMap { line in
            guard line.hasPrefix("data:") else { return nil }
            let data = line.dropFirst(5).drop { $0 == " " }
            return data == "[DONE]" ? nil : try JSON.parse(String(data))
        }
    }

    /// The last usage with all its members, those of Anthropic's start and end put together.
    func expectedUsage() throws -> Usage? {
        guard isStream else { return try JSON.parse(bytes())["usage"].flatMap(Usage.init(json:)) }
        var merged = JSON.Object()
        for event in try events() {
            let usage = event["usage"] ?? event["message"]?["usage"] ?? event["response"]?["usage"]
            for member in usage?.object?.members ?? [] where member.value != .null { merged[member.key] = member.value }
        }
        return merged.isEmpty ? nil : Usage(json: .object(merged))
    }
}
