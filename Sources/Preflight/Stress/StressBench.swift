import Containers
import Foundation
import PreflightCore
import Simulator
import Store
import Synchronization

/// A place to break things in: a directory, a simulated OpenRouter, and this program as a child process.
struct StressBench: Sendable {
    let directory: String
    let server: SimulatorServer
    let environment: [String: String]
    let executable: String
    let docker: Docker
    /// Says what happens, to whoever watches.
    let say: @Sendable (String) -> Void
    /// What the command is started by; itself where that is nothing.
    var prefix: [String] = []

    /// The same place with an engine of its own.
    func with(_ engine: StressEngine) -> StressBench {
        var environment = environment
        environment["DOCKER_HOST"] = engine.host
        return StressBench(
            directory: directory, server: server, environment: environment, executable: executable,
            docker: Docker(environment: environment), say: say, prefix: engine.prefix)
    }

    private func words(_ arguments: [String]) -> (executable: String, arguments: [String]) {
        let words = prefix + [executable] + arguments
        return (words[0], Array(words.dropFirst()))
    }

    /// Runs the command to its end.
    func run(_ arguments: [String], _ changes: [String: String] = [:], timeout: Duration = .seconds(120))
        async throws -> ProcessResult
    {
        let words = words(arguments)
        return try await ProcessRunner().run(
            words.executable, words.arguments, environment: environment.merging(changes) { $1 }, directory: directory,
            timeout: timeout)
    }

    /// Starts the command as a process that can be killed.
    func start(_ arguments: [String], output: String, _ changes: [String: String] = [:]) throws -> StressChild {
        let words = words(arguments)
        return StressChild(
            process: try BackgroundProgram(
                executable: words.executable, arguments: words.arguments,
                environment: environment.merging(changes) { $1 },
                directory: directory, output: "\(directory)/\(output)"
            ).start())
    }
}

/// A child process, which only this type waits for.
final class StressChild: Sendable {
    let process: Int32
    let began = ContinuousClock.now
    private let status = Mutex<Int32?>(nil)

    init(process: Int32) { self.process = process }

    /// Its exit status, or 128 and the signal that ended it; nil while it lives.
    var exitCode: Int? {
        status.withLock { status in
            if status == nil {
                var word: Int32 = 0
                if waitpid(process, &word, WNOHANG) == process { status = word }
            }
            return status.map { Int($0 & 0x7F == 0 ? ($0 >> 8) & 0xFF : 128 + ($0 & 0x7F)) }
        }
    }

    var isRunning: Bool { exitCode == nil }

    func signal(_ number: Int32) {
        // A number that was waited for may be another process by now.
        if isRunning { kill(process, number) }
    }

    /// Ends it as a crash would.
    func crash() async {
        signal(SIGKILL)
        _ = await ended(within: .seconds(10))
    }

    /// Its exit code, or nil when the time is up first.
    func ended(within limit: Duration) async -> Int? {
        await eventually(within: limit) { !self.isRunning } ? exitCode : nil
    }
}

/// Whether the condition comes true in time.
func eventually(within limit: Duration, _ condition: () async throws -> Bool) async rethrows -> Bool {
    let deadline = ContinuousClock.now + limit
    while true {
        if try await condition() { return true }
        guard ContinuousClock.now < deadline, !Task.isCancelled else { return false }
        try? await ContinuousClock().sleep(for: .milliseconds(20))
    }
}
