import Foundation
import OpenRouter
import PreflightCore
import TestSupport
import Testing

/// A gateway that was started as its users start it, and what it said of itself.
struct RunningGateway {
    var process: Process
    var log: String
    var values: [String: String]

    func value(_ name: String) throws -> String { try #require(values[name]) }
    var console: String { get throws { try value("console") } }

    func stop() async -> Int32 {
        kill(process.processIdentifier, SIGTERM)
        _ = await eventually { !process.isRunning }
        return process.terminationStatus
    }

    /// Waits until it has said that.
    func says(_ words: String) async throws -> Bool {
        try await eventually(within: .seconds(10)) {
            try String(contentsOfFile: log, encoding: .utf8).contains(words)
        }
    }
}

extension CommandBench {
    /// Starts a gateway on free ports and waits until it says where it listens.
    ///
    /// - Parameter standardError: By default what it says goes where its data goes.
    func startGateway(
        _ arguments: [String], _ more: [String: String] = [:], standardError: Pipe? = nil
    ) async throws -> RunningGateway {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: CommandBench.executable)
        process.arguments = ["gateway"] + arguments
        process.environment = environment.merging(more) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        let log = "\(directory)/gateway-\(UInt32.random(in: 0..<(.max))).log"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        process.standardError = standardError ?? process.standardOutput
        process.standardInput = FileHandle.nullDevice
        try process.run()
        func text() -> String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
        let isReady = await eventually {
            text().contains("# keys:") || text().contains("AUTH_TOKEN") || !process.isRunning
        }
        #expect(isReady && process.isRunning, "\(text())")
        var values: [String: String] = [:]
        for line in text().split(separator: "\n") {
            if line.hasPrefix("export "), let equals = line.firstIndex(of: "=") {
                values[String(line[..<equals].dropFirst(7))] = String(line[line.index(after: equals)...])
            } else if line.hasPrefix("# console: ") {
                values["console"] = String(line.dropFirst(11))
            } else if line.hasPrefix("# administrator's token: ") {
                values["token"] = try String(contentsOfFile: String(line.dropFirst(25)), encoding: .utf8)
                    .trimmingCharacters(in: .whitespacesAndNewlines)
            } else if line.hasPrefix("# gateway: ") {
                values["gateway"] = String(line.dropFirst(11).prefix { $0 != ";" && $0 != "," })
            }
        }
        return RunningGateway(process: process, log: log, values: values)
    }

    /// A short call of one model.
    func ask(
        _ url: String, _ key: String, _ text: String = "hi", within limit: Duration = .seconds(20)
    ) async throws -> HTTPExchange.Answer {
        let body: JSON = ["model": "openai/gpt-4.1-mini", "messages": [["role": "user", "content": .string(text)]]]
        return try await HTTPExchange.post(url, body: body.bytes, bearer: Secret(key), within: limit)
    }
}
