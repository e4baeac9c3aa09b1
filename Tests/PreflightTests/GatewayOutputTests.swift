import Foundation
import OpenRouter
import PreflightCore
import Synchronization
import TestSupport
import Testing

@testable import Preflight

/// What a gateway says must never hold up its callers.
@Suite(.serialized, .timeLimit(.minutes(3))) struct GatewayOutputTests {
    @Test func `a gateway whose words nobody reads answers all calls, and ends when it is told to`() async throws {
        try await withCommand { bench in
            let words = Pipe()
            let running = try await bench.startGateway(
                ["--budget", "100", "--listen", "127.0.0.1:0", "--console", "off", "-v"], standardError: words)
            let url = try running.value("OPENAI_BASE_URL") + "/chat/completions"
            let key = try running.value("OPENAI_API_KEY")
            let answered = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        var count = 0
                        for _ in 0..<250 where try await bench.ask(url, key).status == 200 { count += 1 }
                        return count
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(answered == 2000)
            #expect(await running.stop() == 0)
            _ = words.fileHandleForReading
        }
    }

    private final class Warnings: Sendable {
        private let texts = Mutex<[String]>([])
        var all: [String] { texts.withLock { $0 } }
        func add(_ text: String) { texts.withLock { $0.append(text) } }
    }

    private let line = [UInt8](repeating: 0x61, count: (1 << 20) - 1) + [0x0A]

    @Test func `a log on a full disk keeps what it may keep, and tells how much is missing`() async throws {
        let warnings = Warnings()
        let log = try LogFile(path: "/dev/full") { warnings.add($0) }
        log.append(line)
        log.flush()
        #expect(await eventually { !warnings.all.isEmpty })
        for _ in 0..<40 {
            log.append(line)
            log.flush()
        }
        #expect(log.waitingBytes <= LogFile.bound)
        await log.finish()
        #expect(log.waitingBytes <= LogFile.bound)
        #expect(warnings.all.first?.contains("No space left") == true, "\(warnings.all)")
        #expect(warnings.all.last == "24 events are missing in the log", "\(warnings.all)")
    }

    @Test func `a log that nobody reads holds nobody up, and loses no line that it took`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/log"
            #expect(mkfifo(path, 0o600) == 0)
            let warnings = Warnings()
            let log = try LogFile(path: path) { warnings.add($0) }
            log.append(line)
            log.flush()
            #expect(await eventually { log.waitingBytes == 0 })
            for _ in 0..<20 { log.append(line) }
            #expect(warnings.all.count == 1)
            let reader = open(path, O_RDONLY)
            let lines = Mutex(0)
            Thread.detachNewThread {
                var buffer = [UInt8](repeating: 0, count: 1 << 16)
                while lines.withLock({ $0 }) < 17 {
                    let count = read(reader, &buffer, buffer.count)
                    guard count > 0 else { break }
                    let ends = buffer[..<count].filter { $0 == 0x0A }.count
                    lines.withLock { $0 += ends }
                }
                close(reader)
            }
            await log.finish()
            #expect(warnings.all.last == "the log is written again; 4 events are missing in it", "\(warnings.all)")
            #expect(await eventually { lines.withLock { $0 } == 17 })
        }
    }
}
