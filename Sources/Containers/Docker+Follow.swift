import Foundation
package import PreflightCore
import Subprocess
import Synchronization

extension Docker {
    /// Where to begin in the output that the engine keeps of a container.
    package enum LogStart: Sendable, Equatable {
        /// Behind so many lines of standard output.
        case afterLines(Int)
        /// With what the engine got from then on.
        case since(Timestamp)
    }

    /// Reads what a container has written and writes, as far as the engine keeps it, until it ends or this is cancelled.
    ///
    /// What stands before the beginning is passed over, of standard error about as much as of standard output: the engine
    /// keeps both in their order, and hands them out by two pipes.
    package func follow(
        _ name: String, from start: LogStart,
        onOutput: @escaping @Sendable (OutputStream, UnsafeRawBufferPointer) -> Void
    ) async throws {
        var arguments = ["logs", "--follow"]
        var lines = 0
        switch start {
        case .afterLines(let count): lines = count
        case .since(let time): arguments += ["--since", time.iso8601]
        }
        let passed = PassedLines(lines)
        do {
            try await runner.stream(executable, arguments + [name], environment: environment) { streams in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await buffer in streams.stdout {
                            buffer.withUnsafeBytes { bytes in
                                let start = passed.pass(bytes)
                                guard start < bytes.endIndex else { return }
                                onOutput(.stdout, UnsafeRawBufferPointer(rebasing: bytes[start...]))
                            }
                        }
                    }
                    group.addTask {
                        for try await buffer in streams.stderr where passed.isDone {
                            buffer.withUnsafeBytes { onOutput(.stderr, $0) }
                        }
                    }
                    try await group.waitForAll()
                }
            } result: { _, _ in
            }
        } catch let failure as ProcessRunner.Failure {
            throw Self.translate(failure, arguments)
        }
    }

    /// Whether the engine has kept any standard output that it got up to then.
    package func hasOutput(_ name: String, until time: Timestamp) async throws -> Bool {
        do {
            let result = try await runner.run(
                executable, ["logs", "--until", time.iso8601, name], environment: environment, timeout: .seconds(30))
            guard result.isSuccess else { throw DockerFailure.classify(stderr: result.stderrText) }
            return !result.stdout.isEmpty
        } catch let failure as ProcessRunner.Failure {
            throw Self.translate(failure, ["logs"])
        }
    }

    /// Waits for a container's end; its exit code.
    package func wait(for name: String) async throws -> Int {
        let text = try await command(["wait", name], timeout: .seconds(366 * 86_400))
        guard let code = Int(text) else {
            throw DockerFailure(kind: .other, message: "docker wait: unreadable answer")
        }
        return code
    }

    /// Counts newlines until enough have gone by.
    private final class PassedLines: Sendable {
        private let left: Mutex<Int>

        init(_ count: Int) { left = Mutex(count) }

        var isDone: Bool { left.withLock { $0 == 0 } }

        /// Where in `bytes` they end; its end while they do not.
        func pass(_ bytes: UnsafeRawBufferPointer) -> Int {
            var rest = left.withLock { $0 }
            var start = bytes.startIndex
            while rest > 0, let newline = bytes[start...].firstIndex(of: 0x0A) {
                rest -= 1
                start = newline + 1
            }
            left.withLock { $0 = rest }
            return rest > 0 ? bytes.endIndex : start
        }
    }
}
