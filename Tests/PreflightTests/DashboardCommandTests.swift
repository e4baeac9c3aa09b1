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
            _ = try Journal(path: RunsDirectory(path: path + "/runs").journalPath)
            try Files.createDirectory(path + "/bin")
            try Files.replace(
                path + "/bin/xdg-open", with: "#!/bin/sh\necho \"$1\" >'\(path)/new'; mv '\(path)/new' '\(path)/opened'\n",
                mode: 0o755)
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

    @Test func `the file that holds the page's token is gone once the page was fetched`() async throws {
        try await withDashboard { process, file, address in
            let parts = address.components(separatedBy: "/#token=")
            func get(_ path: String, _ more: [String] = []) async throws -> String {
                try await ProcessRunner().run(
                    "/usr/bin/curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", parts[0] + path] + more,
                    timeout: .seconds(20)
                ).stdoutText
            }
            // The page alone, and a wrong token, show nothing.
            #expect(try await get("/") == "200")
            #expect(try await get("/api/runs", ["-H", "Authorization: Bearer wrong"]) == "401")
            #expect(Files.exists(file))
            #expect(try await get("/api/runs", ["-H", "Authorization: Bearer \(parts[1])"]) == "200")
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
