import ArgumentParser
import Console
import Foundation
import Harness
import PreflightCore
import Reports
import Store
import Synchronization

struct DashboardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dashboard",
        abstract: "Show runs on a page of this machine: live, afterwards, and after they were killed.",
        discussion: """
            Examples:
              preflight dashboard                       all runs of the directory
              preflight dashboard latest --open         a run, in the browser
              preflight dashboard --port 8123 --runs-dir /srv/runs

            It prints the page's address, which holds a token: whoever has the address can read, and nobody can change
            anything. It serves this machine alone, until Ctrl-C. From elsewhere: ssh -L 4002:127.0.0.1:4002 HOST.
            """)

    @Argument(help: "A run's name, a unique beginning of it, or latest; all runs without it.")
    var run: String?

    @Option(help: ArgumentHelp("Where it listens on 127.0.0.1; 0: any free port.", valueName: "PORT"))
    var port: Int?

    @Flag(help: "Open the page in a browser.")
    var open = false

    @OptionGroup var place: PlaceOptions

    private static let standardPort = 4002

    func run() async throws {
        if let port, !(0...65_535).contains(port) {
            throw PreflightError(.usage, "--port is 0…65535, not \(port)")
        }
        let wiring = try Wiring(runsDirectory: place.runsDir)
        var id: String?
        if let run {
            id = try await RunLookup.ids(named: [run], in: wiring.runs, journal: try wiring.existingJournal()).first
        }
        let browser = open ? Browser() : nil
        defer { browser?.forget() }
        let page = Page(run: id, token: Secret(String(wiring.world.nonce(48))), browser: browser, isJSON: place.json)
        let doors = DashboardDoors(runs: wiring.runs, now: wiring.world.now)
        let stop = StopSignal()
        let signals = Signals(stop: stop, isQuiet: true)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await serve(page, doors) }
            group.addTask { await stop.wait(for: .graceful) }
            try await group.next()
            group.cancelAll()
        }
        if let status = signals.exitStatus, status != .interrupted, status != .terminated { throw status }
    }

    /// On the port asked for. The usual one may be another dashboard's: then any does.
    private func serve(_ page: Page, _ doors: DashboardDoors) async throws {
        func server(_ port: Int) -> DashboardServer {
            DashboardServer(
                DashboardOptions(port: port, token: page.token, version: PreflightTool.version), doors: doors,
                admitted: { page.browser?.forget() })
        }
        do {
            try await server(port ?? Self.standardPort).run { page.tell($0) }
        } catch let error as PreflightError where port == nil && !Task.isCancelled {
            Terminal.shared.say("# port \(Self.standardPort) is taken: \(error.message)")
            try await server(0).run { page.tell($0) }
        }
    }

    private struct Page: Sendable {
        var run: String?
        var token: Secret
        var browser: Browser?
        var isJSON: Bool

        func tell(_ bound: ConsoleServer.Bound) {
            let address = "\(bound.url)/#token=\(token.reveal())" + (run.map { "&run=\($0)" } ?? "")
            if isJSON {
                Terminal.shared.data(JSON.record(["address": .string(address), "port": .int(bound.port)]).text)
            } else {
                Terminal.shared.data("dashboard: \(address)")
                Terminal.shared.say("# it serves this machine alone, and changes nothing; Ctrl-C ends it")
            }
            browser?.open(address)
        }
    }
}

/// The browser of the person in front, where there is one.
///
/// The address holds a token, and what programs are started with can be read by all users of the machine: it is handed
/// over in a file that only its owner can read, and that is there until the page was fetched.
private final class Browser: Sendable {
    private let file = Mutex<String?>(nil)

    func open(_ address: String) {
        #if os(macOS)
            let names = ["open"]
        #else
            let names = ["xdg-open", "sensible-browser"]
        #endif
        guard let name = names.first(where: Files.isProgram) else {
            Terminal.shared.say("# no program that opens a browser was found (\(names.joined(separator: ", ")))")
            return
        }
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("preflight-dashboard-\(UInt64.random(in: 0..<(.max))).html").path
        let page = "<!doctype html><meta http-equiv=\"refresh\" content=\"0;url=\(address)\"><title>Preflight</title>\n"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [name, path]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        file.withLock { $0 = path }
        do {
            try Files.replace(path, with: page, mode: 0o600, durably: false)
            try process.run()
        } catch {
            forget()
            Terminal.shared.say("# the browser cannot be opened: \(error)")
        }
    }

    /// The page is there, or will not be: its address is needed no more.
    func forget() {
        guard let path = file.withLock({ $0.take() }) else { return }
        do { try FileManager.default.removeItem(atPath: path) } catch {
            Terminal.shared.say("# \(path) holds the page's token and cannot be removed: \(error)")
        }
    }
}
