import ArgumentParser
import Containers
import Foundation
import PreflightCore
import Store
import Synchronization

/// The other half of `--detach`: carries out what stands on its standard input. Not for people.
struct BackgroundCommand: AsyncParsableCommand {
    static let name = "background"
    static let configuration = CommandConfiguration(
        commandName: name, abstract: "Carry out a detached command.", shouldDisplay: false)

    func run() async throws {
        // There is no terminal that could hang up; who sends it means something else.
        signal(SIGHUP, SIG_IGN)
        // Programs that are started from here must not keep it open.
        _ = fcntl(BackgroundProgram.extraDescriptor, F_SETFD, FD_CLOEXEC)
        let input = FileHandle.standardInput.readDataToEndOfFile()
        guard let json = try? JSON.parse([UInt8](input)), let order = BackgroundOrder(json: json) else {
            throw PreflightError(.usage, "this is the inner half of --detach", hint: "`preflight run-multi --detach`")
        }
        let background = Background(console: order.console)
        let status = await Background.$current.withValue(background) {
            await PreflightTool.runCommand(order.arguments)
        }
        throw ExitStatus(rawValue: status) ?? .failed
    }
}

/// What a detached run owes to the terminal that started it.
final class Background: Sendable {
    @TaskLocal static var current: Background?

    private let console: String
    private let started = Mutex<(run: String, directory: String)?>(nil)
    private let hasTold = Mutex(false)

    init(console: String) { self.console = console }

    /// The run's directory is there: the console moves into it. It stays the same file for whoever writes and reads.
    /// What the run's earlier processes said stays beside it, as `console-1.log` and so on.
    func begin(run: String, directory: String) {
        started.withLock { $0 = (run, directory) }
        let place = RunDirectory(path: directory, id: run)
        if Files.exists(place.consolePath) {
            var number = 1
            while Files.exists(place.earlierConsolePath(number)) { number += 1 }
            rename(place.consolePath, place.earlierConsolePath(number))
        }
        rename(console, place.consolePath)
    }

    /// The first container runs: whoever waits may go.
    func tellReady() {
        guard let (run, directory) = started.withLock({ $0 }),
            !hasTold.withLock({ told in
                defer { told = true }
                return told
            })
        else { return }
        let line = JSON.record(["run": .string(run), "directory": .string(directory)]).bytes + [0x0A]
        _ = line.withUnsafeBytes { write(BackgroundProgram.extraDescriptor, $0.baseAddress, $0.count) }
        close(BackgroundProgram.extraDescriptor)
    }
}
