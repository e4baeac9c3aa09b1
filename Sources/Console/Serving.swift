/// Runs a server for as long as `body` takes, which begins once it listens.
///
/// - Parameter run: serves until it is cancelled, and tells once where.
func serving<Result: Sendable>(
    _ run: @escaping @Sendable (@escaping @Sendable (ConsoleServer.Bound) -> Void) async throws -> Void,
    isolation: isolated (any Actor)? = #isolation, _ body: (ConsoleServer.Bound) async throws -> Result
) async throws -> Result {
    let (places, input) = AsyncStream.makeStream(of: ConsoleServer.Bound.self)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            defer { input.finish() }
            try await run { input.yield($0) }
        }
        defer { group.cancelAll() }
        for await bound in places { return try await body(bound) }
        // It ended before it listened: the reason is thrown here.
        try await group.waitForAll()
        throw CancellationError()
    }
}
