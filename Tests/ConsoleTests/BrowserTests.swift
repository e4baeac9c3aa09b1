import Console
import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

/// The page in a real browser, looked at by `scripts/browser-test`.
@Suite(.timeLimit(.minutes(5))) struct BrowserTests {
    private static var isPresent: Bool {
        ["chromium", "chromedriver"].allSatisfy(Files.isProgram)
            && Files.exists("/usr/lib/python3/dist-packages/selenium")
    }

    @Test(.enabled(if: isPresent, "no browser here: chromium, chromium-driver, python3-selenium"))
    func `the page is what a person needs, in a real browser`() async throws {
        try await withDashboard(["busy", "done", "later"]) { bench in
            let lock = try HarnessLock(path: bench.run.harnessLockPath)
            let ledger = try Ledger(path: bench.runs.journalPath, now: { DashboardBench.start })
            _ = try await ledger.define("run-1", try BudgetChange(json: ["limit": 1]))
            try await bench.write(Self.done, "done")
            try Files.replace(
                bench.run.trial("done").logPath, with: "<img src=x onerror=\"window.taken=1\">\nthe end\n",
                durably: false)
            try await bench.write(DashboardBench.beginning("busy"), "busy")
            let address = "\(bench.url)/#token=\(DashboardBench.token)"
            let script = TestData.package.appendingPathComponent("scripts/browser-test").path
            let output = try await withThrowingTaskGroup(of: String?.self) { group in
                group.addTask { try await Self.spend(bench) }
                group.addTask { try await Self.run(script, [address, bench.run.id]) }
                defer { group.cancelAll() }
                for try await case let text? in group { return text }
                return ""
            }
            #expect(output.contains(" passed, 0 failed"), "\(output)")
            await ledger.close()
            withExtendedLifetime(lock) {}
        }
    }

    /// Until it is cancelled, a trial spends a little more again and again.
    private static func spend(_ bench: DashboardBench) async throws -> String? {
        var spent = USD.zero
        for second in 3... {
            do { try await ContinuousClock().sleep(for: .milliseconds(400)) } catch { return nil }
            spent += USD(picodollars: 40_000_000)
            try await bench.write([DashboardBench.call(spent: spent, at: second)], "busy")
        }
        return nil
    }

    private static var done: [Event] {
        let hostile: JSON = ["message": "<img src=x onerror=\"window.taken=2\">", "code": 500]
        let turns = (3..<13).flatMap { second in
            [
                DashboardBench.call(spent: USD(cents: Int64(second) / 2), at: second),
                DashboardBench.event(
                    .agent, "tool_execution_start", ["toolName": "bash", "toolCallId": "1"], at: second),
                DashboardBench.event(.agent, "tool_execution_end", ["toolCallId": "1"], at: second),
            ]
        }
        return DashboardBench.beginning("done") + turns + [
            DashboardBench.event(.agent, "error", hostile, at: 14),
            DashboardBench.event(
                .harness, "eject_decided", ["reason": "idle: <b>silent</b> for 9s", "policy": "idle"], at: 23),
            DashboardBench.event(
                .harness, "trial_finished", ["outcome": "ejected", "reason": "idle: <b>silent</b> for 9s"], at: 24),
        ]
    }

    private static func run(_ script: String, _ arguments: [String]) async throws -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: script)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        // On a thread of its own: reading waits for the script.
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let data = pipe.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                continuation.resume(returning: String(decoding: data, as: UTF8.self))
            }
        }
    }
}
