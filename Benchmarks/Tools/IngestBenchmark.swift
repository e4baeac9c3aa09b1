import Foundation
import Harness
import PreflightCore
import Store
import Synchronization

/// What one trial's record takes: `ingest bytes FILE EVENTS` writes what an agent prints, `ingest run DIRECTORY FILE`
/// takes it in as a container's output, with policies on, and prints events a second, tenths of a microsecond of
/// processor time an event and bytes of the log; `ingest verdict DIRECTORY TRIALS` prints how long it took from an event
/// to the verdict that it causes, in microseconds: the median, the 99th percentile and the most.
enum IngestBenchmark {
    static func run(_ arguments: [String]) async throws {
        switch (arguments.first, arguments.count) {
        case ("bytes"?, 3): try write(Int(arguments[2]) ?? 0, to: arguments[1])
        case ("run"?, 3): try ingest(arguments[2], in: arguments[1])
        case ("verdict"?, 3): try await verdicts(Int(arguments[2]) ?? 0, in: arguments[1])
        default:
            throw PreflightError(
                .usage, "ingest bytes FILE EVENTS | run DIRECTORY FILE | verdict DIRECTORY TRIALS")
        }
    }

    /// Every kind of policy that an experiment may have.
    private static let policies = PolicyList(
        ejecting: .budgetExceeded, .idle(.seconds(300)), .errors(5), .budgetFraction(permille: 900, unless: nil),
        .after(.seconds(60), .all([.idle(.seconds(30)), .not(.errors(1))])), .wall(.seconds(3600)))

    private static func write(_ events: Int, to path: String) throws {
        var script = AgentScript()
        var bytes: [UInt8] = []
        for _ in 0..<max(1, events / AgentScript.eventsPerStep) { script.next(into: &bytes) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    private static func recorder(_ name: String, in directory: String) throws -> TrialRecorder {
        let run = RunsDirectory(path: directory).run("run-\(name)")
        let plan = TrialPlan(alias: name, model: "openai/gpt-4.1-mini", budget: USD(cents: 100_000))
        let place = run.trial(plan.attempt)
        try Files.createDirectory(run.path)
        try place.create()
        let recorder = try TrialRecorder(plan: plan, directory: place, policies: policies, world: .system)
        recorder.record("trial_started", ["model": .string(plan.model), "budget": .usd(plan.budget)])
        _ = recorder.recordStart(container: name)
        return recorder
    }

    private static func ingest(_ path: String, in directory: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let recorder = try recorder("a", in: directory)
        let before = recorder.trialState.events
        let began = ContinuousClock.now
        let usage = ProcessorTime.now
        // A pipe hands out this much at a time.
        let piece = 64 << 10
        bytes.withUnsafeBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: piece) {
                recorder.ingest(
                    .stdout, UnsafeRawBufferPointer(rebasing: bytes[start..<min(bytes.count, start + piece)]))
            }
        }
        recorder.finishOutput()
        let elapsed = max(1, (ContinuousClock.now - began).wholeMicroseconds)
        let spent = ProcessorTime.now.microseconds - usage.microseconds
        let events = recorder.trialState.events - before
        if let failure = recorder.failure { throw failure }
        Tools.say("\(events * 1_000_000 / Int(elapsed)) \(spent * 10 / Int64(max(1, events))) \(recorder.logBytes)")
    }

    /// Trials one after another, each stopped for its fifth error, while another trial's flood is taken in.
    private static func verdicts(_ count: Int, in directory: String) async throws {
        let flood = try recorder("flood", in: directory)
        let isOver = Atomic<Bool>(false)
        var script = AgentScript()
        var piece: [UInt8] = []
        while piece.count < 64 << 10 { script.next(into: &piece) }
        let flooding = Thread { [piece] in
            while !isOver.load(ordering: .relaxed) { piece.withUnsafeBytes { flood.ingest(.stdout, $0) } }
        }
        flooding.start()
        defer { isOver.store(true, ordering: .relaxed) }
        var times: [Int64] = []
        for number in 0..<max(1, count) {
            let recorder = try recorder("v\(number)", in: directory)
            async let verdict: ContinuousClock.Instant? = {
                for await _ in recorder.verdicts { return .now }
                return nil
            }()
            let error = Array(#"{"type":"error","message":"no","code":500}"#.utf8) + [0x0A]
            for _ in 0..<4 { error.withUnsafeBytes { recorder.ingest(.stdout, $0) } }
            try await Task.sleep(for: .milliseconds(1))
            let began = ContinuousClock.now
            error.withUnsafeBytes { recorder.ingest(.stdout, $0) }
            guard let heard = await verdict else { throw PreflightError(.failed, "no verdict") }
            times.append((heard - began).wholeMicroseconds)
        }
        times.sort()
        Tools.say("\(times[times.count / 2]) \(times[times.count * 99 / 100]) \(times[times.count - 1])")
    }
}
