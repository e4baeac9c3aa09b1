import Foundation
import PreflightCore

/// A program that is meant to outlive this one: in a session of its own, without a terminal.
package struct BackgroundProgram: Sendable {
    package var executable: String
    package var arguments: [String]
    package var environment: [String: String]
    package var directory: String
    /// A file to which both outputs are appended.
    package var output: String
    /// What becomes its standard input; nil for none.
    package var input: CInt?
    /// What becomes its descriptor 3; nil for none.
    package var extra: CInt?

    package init(
        executable: String, arguments: [String], environment: [String: String], directory: String, output: String,
        input: CInt? = nil, extra: CInt? = nil
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
        self.output = output
        self.input = input
        self.extra = extra
    }

    package static let extraDescriptor: CInt = 3

    /// Starts it, with nothing of this process but what is named here. Its number.
    package func start() throws -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        if let extra { posix_spawn_file_actions_adddup2(&actions, extra, Self.extraDescriptor) }
        Self.keepOwnDescriptors()

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Signals that this process ignores would stay ignored.
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        let session: Int32 = 0x80
        posix_spawnattr_setflags(
            &attributes, Int16(session | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK)))

        // A shell changes the directory: not every system can while it starts a program.
        let shell = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", directory]
        let words = (shell + [executable] + arguments).map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + variables { free(text) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, "/bin/sh", &actions, &attributes, words, variables)
        guard code == 0 else {
            throw PreflightError(.failed, "cannot start \(executable): \(String(cString: strerror(code)))")
        }
        return process
    }

    /// Nothing that is open here is to stay open there, but what is handed over by name.
    private static func keepOwnDescriptors() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/fd")) ?? []
        for descriptor in names.compactMap({ CInt($0) }) where descriptor > STDERR_FILENO {
            let flags = fcntl(descriptor, F_GETFD)
            if flags >= 0 { _ = fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) }
        }
    }
}
