import Containers
import Foundation
import OpenRouter
import PreflightCore

/// Calls one hook, in bounded time.
struct HookCall: Sendable {
    /// For a program to end, and for each attempt to reach an address.
    static let limit = Duration.seconds(10)
    /// At an address that cannot be reached or fails.
    static let attempts = 3

    let hook: PolicyHook
    let payload: JSON
    let run: String
    let trial: String
    let world: World

    struct Result: Sendable {
        var attempts: Int
        /// Nil where all is well.
        var error: String?
    }

    func perform() async -> Result {
        switch hook {
        case .command(let command): Result(attempts: 1, error: await start(command))
        case .web(let url): await post(url)
        }
    }

    private func start(_ command: [String]) async -> String? {
        guard let program = command.first else { return "no program" }
        do {
            let environment = HookPayload.environment(
                ProcessInfo.processInfo.environment, run: run, trial: trial)
            let result = try await ProcessRunner().run(
                program, Array(command.dropFirst()), environment: environment, input: payload.bytes + [0x0A],
                timeout: Self.limit)
            guard !result.isSuccess else { return nil }
            let words = result.stderrText.isEmpty ? "" : ": \(result.stderrText.suffix(200))"
            return "exit code \(result.exitCode)\(words)"
        } catch ProcessRunner.Failure.notFound(let name) {
            return "there is no program '\(name)'"
        } catch ProcessRunner.Failure.timedOut(let limit) {
            return "not done within \(limit.shortText)"
        } catch {
            return "\(error)"
        }
    }

    private func post(_ url: String) async -> Result {
        var attempt = 1
        while true {
            let (error, isWorthMore) = await postOnce(url)
            guard error != nil, isWorthMore, attempt < Self.attempts, !Task.isCancelled else {
                return Result(attempts: attempt, error: error)
            }
            try? await world.clock.sleep(for: .seconds(attempt))
            attempt += 1
        }
    }

    private func postOnce(_ url: String) async -> (error: String?, isWorthMore: Bool) {
        do throws(HTTPExchange.Failure) {
            let answer = try await HTTPExchange.post(url, body: payload.bytes, within: Self.limit)
            if (200..<300).contains(answer.status) { return (nil, false) }
            return ("HTTP \(answer.status)", answer.status >= 500 || [408, 425, 429].contains(answer.status))
        } catch {
            switch error {
            case .timedOut: return ("no answer within \(Self.limit.shortText)", true)
            case .cancelled: return ("cancelled", false)
            case .notHTTP: return ("it does not speak HTTP", false)
            // What the address is stays out of the log: it may hold a secret.
            case .transport(let error): return ("it cannot be reached (code \(error.code.rawValue))", true)
            }
        }
    }
}
