import Foundation
import PreflightCore

/// Runs a command some times, its output thrown away: `measure TIMES COMMAND ARGUMENT…`. Prints the median of its wall
/// times, in tenths of a millisecond, and the most memory that one took, in KB.
enum Measure {
    static func run(_ arguments: [String]) throws {
        guard arguments.count >= 2, let times = Int(arguments[0]), times > 0 else {
            throw PreflightError(.usage, "measure TIMES COMMAND ARGUMENT…")
        }
        var walls: [Int64] = []
        var memory = 0
        for _ in 0..<times {
            let began = ContinuousClock.now
            var usage = rusage()
            let status = try wait(for: try start(Array(arguments.dropFirst())), &usage)
            guard status == 0 else { throw PreflightError(.failed, "\(arguments[1]) ended with status \(status)") }
            walls.append((ContinuousClock.now - began).wholeMicroseconds / 100)
            memory = max(memory, usage.ru_maxrss)
        }
        Tools.say("\(walls.sorted()[walls.count / 2]) \(memory)")
    }

    private static func start(_ command: [String]) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let result = posix_spawnp(&process, command[0], &actions, nil, &arguments, environ)
        guard result == 0 else { throw PreflightError(.failed, "\(command[0]) did not start (\(result))") }
        return process
    }

    /// Its exit status; −1 where a signal ended it.
    private static func wait(for process: pid_t, _ usage: inout rusage) throws -> CInt {
        var status: CInt = 0
        while wait4(process, &status, 0, &usage) < 0 {
            guard errno == EINTR else { throw PreflightError(.failed, "wait4 failed (\(errno))") }
        }
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : -1
    }
}
