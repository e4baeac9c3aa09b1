import Foundation
import PreflightCore
import Synchronization

/// Where this process is to end itself with SIGKILL: what `PREFLIGHT_STRESS_KILL=step:count` asks for.
struct StressKill: Equatable {
    static let variable = "PREFLIGHT_STRESS_KILL"

    var step: MarkedStep
    /// Which passing of the step it is, 1 or more.
    var count: Int

    init(step: MarkedStep, count: Int) {
        self.step = step
        self.count = count
    }

    /// Reads `container-started:2`, or `container-started` for the first time.
    init(_ text: String) throws(PreflightError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let step = parts.first.flatMap({ MarkedStep(rawValue: String($0)) }) else {
            throw PreflightError(
                .usage, "\(Self.variable)='\(text)': there is no such step",
                hint: MarkedStep.allCases.map(\.rawValue).joined(separator: ", "))
        }
        guard let count = parts.count == 1 ? 1 : Int(parts[1]), count > 0 else {
            throw PreflightError(.usage, "\(Self.variable)='\(text)': expected STEP:COUNT")
        }
        self.init(step: step, count: count)
    }

    var text: String { "\(step.rawValue):\(count)" }

    /// Watches for the step where the environment asks for it.
    static func arm(_ environment: [String: String] = ProcessInfo.processInfo.environment) throws(PreflightError) {
        guard let text = environment[variable] else { return }
        let wanted = try StressKill(text)
        let passed = Atomic(0)
        let watcher: @Sendable (MarkedStep) -> Void = { step in
            guard step == wanted.step, passed.add(1, ordering: .relaxed).newValue == wanted.count else { return }
            kill(getpid(), SIGKILL)
        }
        MarkedStep.watch(watcher)
    }
}
