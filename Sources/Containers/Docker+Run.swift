import Foundation
import PreflightCore
import Subprocess

/// Which of a container's two outputs some bytes came from.
package enum OutputStream: String, Sendable { case stdout, stderr }

extension Docker {
    /// Starts a container in the foreground and gives its exit code once it ends.
    ///
    /// The two outputs are read at the same time, so neither can hold up the other; each calls `onOutput` in its own
    /// order, and the container waits while that takes its time. `input` is written to the container's standard
    /// input, which is then closed.
    ///
    /// Cancelling ends the docker command only. The container runs on: stop it by name.
    package func run(
        _ specification: RunSpecification, input: [UInt8],
        onOutput: @escaping @Sendable (OutputStream, UnsafeRawBufferPointer) -> Void
    ) async throws -> Int {
        var environment = environment
        environment.merge(specification.inheritedEnvironment) { $1 }
        do {
            return try await runner.stream(
                executable, specification.dockerArguments, environment: environment
            ) { streams in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await buffer in streams.stdout { buffer.withUnsafeBytes { onOutput(.stdout, $0) } }
                    }
                    group.addTask {
                        for try await buffer in streams.stderr { buffer.withUnsafeBytes { onOutput(.stderr, $0) } }
                    }
                    group.addTask {
                        // An agent that ends without reading its input breaks the pipe: that is its business.
                        if !input.isEmpty { try? await streams.write(input) }
                        try? await streams.closeInput()
                    }
                    try await group.waitForAll()
                }
            } result: { exitCode, _ in
                exitCode
            }
        } catch let failure as ProcessRunner.Failure {
            throw Self.translate(failure, ["run"])
        }
    }
}
