import Containers
import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

/// The built command, with a browser that only notes what it was to open.
@Suite(.timeLimit(.minutes(3))) struct DashboardCommandTests {
    private func withDashboard(_ body: (_ process: Process, _ file: String, _ address: String) async throws -> Void)
        async throws
    {
        try await withTemporaryDirectory { path in
            try Files.createDirectory(path + "/runs")
            _ = try Journal(path: RunsDirectory(path: path + "/runs").journalPath)
            try Files.createDirectory(path + "/bin")
            let note = "echo \"$1\" >'\(path)/new'; mv '\(path)/new' '\(path)/opened'"
            try Files.replace(path + "/bin/xdg-open", with: "#!/bin/sh\n\(note)\n", mode: 0o755)
            let process = Process()
            process.executableURL = URL(fileURLWithPath: CommandBench.executable)
            process.arguments = ["dashboard", "--open", "--port", "0"]
            process.environment = ["PATH": "\(path)/bin:/usr/bin:/bin", "HOME": path, "TMPDIR": path]
            process.currentDirectoryURL = URL(fileURLWithPath: path)
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
            #expect(await eventually(within: .seconds(20)) { Files.exists(path + "/opened") })
            let file = String(decoding: try Files.read(path + "/opened"), as: UTF8.self)
                .trimmingCharacters(in: .newlines)
            let page = String(decoding: try Files.read(file), as: UTF8.self)
            let address = try #require(page.firstMatch(of: /url=(http[^"]*)/)).output.1
            #expect(file.hasPrefix(path) && address.contains("#token="))
            try await body(process, file, String(address))
        }
    }

    private func status(of address: String, token: String) async throws -> String {
        let header = "Authorization: Bearer \(token)"
        let arguments = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", header, address]
        return try await ProcessRunner().run("/usr/bin/curl", arguments, timeout: .seconds(20)).stdoutText
    }

    @Test func `the file that holds the page's token is gone once the page was fetched`() async throws {
        try await withDashboard { process, file, address in
            let parts = address.components(separatedBy: "/#token=")
            // The page alone, and a wrong token, show nothing.
            let page = try await status(of: parts[0] + "/", token: "")
            let wrong = try await status(of: parts[0] + "/api/runs", token: "wrong")
            #expect(page == "200" && wrong == "401")
            #expect(Files.exists(file))
            let right = try await status(of: parts[0] + "/api/runs", token: parts[1])
            #expect(right == "200")
            #expect(!Files.exists(file))
            kill(process.processIdentifier, SIGTERM)
            #expect(await eventually(within: .seconds(20)) { !process.isRunning })
        }
    }

    @Test func `the file is gone at the end where no page was fetched`() async throws {
        try await withDashboard { process, file, _ in
            kill(process.processIdentifier, SIGTERM)
            #expect(await eventually(within: .seconds(20)) { !process.isRunning })
            #expect(!Files.exists(file))
        }
    }
}
