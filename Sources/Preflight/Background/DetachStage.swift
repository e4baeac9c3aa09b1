import Containers
import Foundation
import Harness
import PreflightCore
import Store

/// `--detach`: starts the same command in the background, shows what it says until it runs, and how to follow it.
struct DetachStage {
    let place: PlaceOptions

    private var terminal: Terminal { .shared }
    private static let look = Duration.milliseconds(50)

    func run() async throws {
        let wiring = try Wiring(runsDirectory: place.runsDir)
        try Files.createDirectory(wiring.runs.path)
        // The run's directory is made by the run itself; the console moves there then.
        let console = "\(wiring.runs.path)/.console-\(wiring.world.nonce(8)).log"
        try Files.replace(console, with: "")
        let input = Pipe()
        let words = Pipe()
        let program = BackgroundProgram(
            executable: try Self.executable(), arguments: [BackgroundCommand.name],
            environment: ProcessInfo.processInfo.environment, directory: FileManager.default.currentDirectoryPath,
            output: console, input: input.fileHandleForReading.fileDescriptor,
            extra: words.fileHandleForWriting.fileDescriptor)
        let order = BackgroundOrder(arguments: PreflightTool.arguments.filter { $0 != "--detach" }, console: console)
        let stop = StopSignal()
        let signals = Signals(stop: stop, isQuiet: true)
        let process = try program.start()
        try words.fileHandleForWriting.close()
        try input.fileHandleForReading.close()
        try input.fileHandleForWriting.write(contentsOf: Data(order.json.bytes))
        try input.fileHandleForWriting.close()

        var tail = Tail(path: console)
        let line = try await follow(words.fileHandleForReading.fileDescriptor, stop, process, &tail)
        withExtendedLifetime(signals) {}
        guard let line, let ready = try? JSON.parse(line), let run = ready["run"]?.string,
            let directory = ready["directory"]?.string
        else {
            let status = Self.wait(for: process)
            tail.show(terminal)
            Files.remove(console)
            throw ExitStatus(rawValue: status) ?? .failed
        }
        tell(run, RunDirectory(path: directory, id: run), process)
    }

    /// Shows what the background says, until it says that it runs, or is gone.
    private func follow(
        _ descriptor: CInt, _ stop: StopSignal, _ process: pid_t, _ tail: inout Tail
    ) async throws -> [UInt8]? {
        var line: [UInt8] = []
        var hasPassedOn = false
        while true {
            tail.show(terminal)
            if stop.urgency > .none, !hasPassedOn {
                hasPassedOn = true
                kill(process, SIGTERM)
            }
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 0) > 0 else {
                try await ContinuousClock().sleep(for: Self.look)
                continue
            }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(descriptor, &buffer, buffer.count)
            if count > 0 { line.append(contentsOf: buffer[..<count]) }
            if line.last == 0x0A {
                tail.show(terminal)
                return line
            }
            if count == 0 { return nil }
        }
    }

    private func tell(_ run: String, _ directory: RunDirectory, _ process: pid_t) {
        if place.json {
            return terminal.data(
                JSON.record([
                    "run": .string(run), "directory": .string(directory.path), "process": .int(Int(process)),
                    "console": .string(directory.consolePath),
                ]).prettyText)
        }
        let flag = place.runsDir == "runs" ? "" : " --runs-dir \(place.runsDir)"
        terminal.data(
            """
            \(run) runs in the background, as process \(process)

              preflight status \(run)\(flag)
              tail -f \(directory.consolePath)
              preflight stop \(run)\(flag)
            """)
    }

    private static func wait(for process: pid_t) -> Int32 {
        var status: CInt = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        // As shells have it: the code, or 128 and the signal.
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }

    /// This program's file.
    static func executable() throws -> String {
        guard let path = Bundle.main.executablePath else {
            throw PreflightError(.failed, "this program's own file cannot be found")
        }
        return path
    }
}

/// What the background is told, on its standard input: arguments can hold secrets, and `ps` shows arguments.
struct BackgroundOrder {
    var arguments: [String]
    var console: String

    var json: JSON { .record(["arguments": .strings(arguments), "console": .string(console)]) }

    init(arguments: [String], console: String) {
        self.arguments = arguments
        self.console = console
    }

    init?(json: JSON) {
        guard let arguments = json["arguments"]?.array, let console = json["console"]?.string else { return nil }
        self.init(arguments: arguments.compactMap(\.string), console: console)
    }
}

/// A file that grows, shown as it does.
private struct Tail {
    private let descriptor: CInt

    init(path: String) { descriptor = open(path, O_RDONLY | O_CLOEXEC) }

    func show(_ terminal: Terminal) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return }
            terminal.pass(buffer[..<count])
        }
    }
}
