import Foundation
import PreflightCore

/// What a call is worked out with, without any IO: `calls DATA ROUNDS`, where DATA is the folder `Tests/Data`.
///
/// Each stage is run by itself, many times a round, and the least time of all rounds is kept. Prints lines of a body's
/// name, its bytes, a stage, its nanoseconds a call, and those of Foundation's `JSONSerialization` for the same bytes.
enum CallsBenchmark {
    static func run(_ arguments: [String]) throws {
        guard arguments.count == 2, let rounds = Int(arguments[1]), rounds > 0 else {
            throw PreflightError(.usage, "calls DATA ROUNDS")
        }
        let data = URL(fileURLWithPath: arguments[0], isDirectory: true)
        let catalogue = try catalogue(data)
        let short = try CallStages(name: "short", body: StreamLoad.body(isStreamed: false), catalogue: catalogue)
        let long = try CallStages(name: "long", body: LongConversation.body(captures: data), catalogue: catalogue)
        var measures = short.ofRequest() + short.ofAnswer() + long.ofRequest()
        for _ in 0..<rounds {
            for index in measures.indices { measures[index].round() }
        }
        for measure in measures {
            let baseline = measures.first { $0.isBaseline && $0.body == measure.body }
            Tools.say("\(measure.body) \(measure.bytes) \(measure.stage) \(measure.least) \(baseline?.least ?? 0)")
        }
    }

    private static func catalogue(_ data: URL) throws -> Catalogue {
        let list = data.appendingPathComponent("openrouter-models-2026-08-01.json")
        let entries = try JSON.parse(Array(Data(contentsOf: list)))["data"]?.array ?? []
        return Catalogue(models: entries.compactMap(Model.init(json:)))
    }

    /// One stage, and the least time that it took.
    struct Measure {
        let body: String
        let bytes: Int
        let stage: String
        let calls: Int
        let isBaseline: Bool
        private let work: () -> Void
        /// Nanoseconds a call.
        private(set) var least = Int64.max

        init(_ stage: String, of body: String, bytes: Int, isBaseline: Bool = false, _ work: @escaping () -> Void) {
            self.body = body
            self.bytes = bytes
            self.stage = stage
            self.isBaseline = isBaseline
            self.work = work
            calls = max(20, 400_000 / bytes)
        }

        mutating func round() {
            let began = ThreadTime.now
            for _ in 0..<calls { work() }
            least = min(least, (ThreadTime.now - began) / Int64(calls))
        }
    }
}

/// Nanoseconds that the calling thread has used.
private enum ThreadTime {
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
