import Foundation
import PreflightCore
import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// What a finished program left.
package struct ProcessResult: Sendable, Equatable {
    /// 0…255, or 128 + signal.
    package var exitCode: Int
    package var stdout: [UInt8]
    package var stderr: [UInt8]

    package var isSuccess: Bool { exitCode == 0 }
    package var stdoutText: String { String(decoding: stdout, as: UTF8.self) }
    package var stderrText: String {
        String(decoding: stderr, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// The one place that starts programs.
package struct ProcessRunner: Sendable {
    package enum Failure: Error, Sendable, Equatable {
        case notFound(String)
        case timedOut(Duration)
        case failed(String)
    }

    /// What is handed to a program that ends by itself, and how much of its output is kept.
    package static let outputLimit = 4 << 20

    /// What programs inherit where nothing else is said: our own environment without the management key, which
    /// never leaves this process.
    private let inherited: [String: String]

    package init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        inherited = environment.filter { !Self.managementKeys.contains($0.key) }
    }

    package static let managementKeys: Set<String> = ["OR_ADMIN_KEY", "OPENROUTER_ADMIN_KEY"]

    /// Runs a program to its end. A non-zero exit is a result, not an error.
    ///
    /// Both outputs are read to the end, and kept up to `outputLimit`, whatever the program does. The program gets a
    /// process group of its own, so that a terminal's Ctrl-C reaches it only through us. When the time is up or the
    /// task is cancelled, it is asked to end, then killed.
    package func run(
        _ executable: String, _ arguments: [String], environment: [String: String]? = nil, directory: String? = nil,
        input: [UInt8] = [], timeout: Duration = .seconds(60)
    ) async throws -> ProcessResult {
        try await withThrowingTaskGroup(of: ProcessResult?.self) { group in
            group.addTask {
                try await self.runToEnd(
                    executable, arguments, environment: environment, directory: directory, input: input)
            }
            group.addTask {
                try await ContinuousClock().sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            guard let result = try await group.next() ?? nil else {
                try Task.checkCancellation()
                throw Failure.timedOut(timeout)
            }
            return result
        }
    }

    private func runToEnd(
        _ executable: String, _ arguments: [String], environment: [String: String]?, directory: String?,
        input: [UInt8]
    ) async throws -> ProcessResult {
        try await stream(
            executable, arguments, environment: environment, directory: directory
        ) { streams in
            async let stdout = Self.collect(streams.stdout)
            async let stderr = Self.collect(streams.stderr)
            try? await streams.write(input)
            try? await streams.closeInput()
            return (try await stdout, try await stderr)
        } result: { exitCode, output in
            ProcessResult(exitCode: exitCode, stdout: output.0, stderr: output.1)
        }
    }

    private static func collect(_ sequence: SubprocessOutputSequence) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await buffer in sequence {
            let room = outputLimit - bytes.count
            guard room > 0 else { continue }
            buffer.withUnsafeBytes { bytes.append(contentsOf: $0.prefix(room)) }
        }
        return bytes
    }
}

extension ProcessRunner {
    /// The streams of a running program; valid only inside the closure that gets them.
    struct Streams: Sendable {
        let stdout: SubprocessOutputSequence
        let stderr: SubprocessOutputSequence
        let write: @Sendable ([UInt8]) async throws -> Void
        let closeInput: @Sendable () async throws -> Void
    }

    func stream<Output: Sendable, Result: Sendable>(
        _ executable: String, _ arguments: [String], environment: [String: String]?, directory: String? = nil,
        body: @escaping @Sendable (Streams) async throws -> Output,
        result: @Sendable (Int, Output) -> Result
    ) async throws -> Result {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [.gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(1))]
        let values = environment ?? inherited
        let environment: Environment = .custom(
            Dictionary(uniqueKeysWithValues: values.map { (.init(stringLiteral: $0), $1) }))
        do {
            let outcome = try await Subprocess.run(
                executable.contains("/") ? .path(FilePath(executable)) : .name(executable),
                arguments: Arguments(arguments), environment: environment,
                workingDirectory: directory.map { FilePath($0) }, platformOptions: options,
                input: .inputWriter, output: .sequence, error: .sequence
            ) { execution in
                let writer = execution.standardInputWriter
                return try await body(
                    Streams(
                        stdout: execution.standardOutput, stderr: execution.standardError,
                        write: { _ = try await writer.write($0) }, closeInput: { try await writer.finish() }))
            }
            // A cancelled run ends without an error.
            try Task.checkCancellation()
            return result(Self.exitCode(outcome.terminationStatus), outcome.closureResult)
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            switch error.code {
            case .executableNotFound: throw Failure.notFound(executable)
            default: throw Failure.failed("\(error)")
            }
        }
    }

    private static func exitCode(_ status: TerminationStatus) -> Int {
        switch status {
        case .exited(let code): Int(code)
        case .signaled(let signal): 128 + Int(signal)
        }
    }
}
