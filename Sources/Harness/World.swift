package import PreflightCore

/// What comes from outside and a test may replace: time and chance.
package struct World: Sendable {
    package var now: @Sendable () -> Timestamp
    /// Time since some fixed instant. It goes on while the machine sleeps and never jumps, unlike `now`.
    package var uptime: @Sendable () -> Duration
    /// What waits.
    package var clock: any Clock<Duration>
    /// That many hexadecimal digits.
    package var nonce: @Sendable (Int) -> String

    package init(
        now: @escaping @Sendable () -> Timestamp, uptime: @escaping @Sendable () -> Duration,
        clock: any Clock<Duration> = ContinuousClock(),
        nonce: @escaping @Sendable (Int) -> String
    ) {
        self.now = now
        self.uptime = uptime
        self.clock = clock
        self.nonce = nonce
    }
}

extension World {
    /// The time of day, as it was when this was asked for and since then by a clock that never jumps.
    package var steadyNow: @Sendable () -> Timestamp {
        let (began, uptime, start) = (now(), uptime, uptime())
        return { began + (uptime() - start) }
    }
}

/// Finishes `body` even when the surrounding task is cancelled: what was taken must be given back.
func shielded<T: Sendable>(_ body: @escaping @Sendable () async -> T) async -> T {
    // Unstructured, so that cancellation does not reach it; awaited here, so that it does not outlive us.
    await Task { await body() }.value
}

/// The result of `body`, or nil when the time is up first; `body` is cancelled then.
func within<T: Sendable>(_ limit: Duration, _ body: @escaping @Sendable () async -> T) async -> T? {
    await withTaskGroup(of: T?.self) { group in
        group.addTask { await body() }
        group.addTask {
            try? await ContinuousClock().sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        return await group.next() ?? nil
    }
}

/// Runs `body`, and cancels it when the owner asks for the end; its result comes all the same.
package func cancelling<T: Sendable>(
    when stop: StopSignal, _ body: @escaping @Sendable () async -> T
) async -> T {
    await withTaskGroup(of: T?.self) { group in
        group.addTask { await body() }
        group.addTask {
            await stop.wait(for: .graceful)
            return nil
        }
        while true {
            // Both tasks end: the first with a result, the second when it is cancelled.
            guard let finished = await group.next() else { return await body() }
            group.cancelAll()
            if let finished { return finished }
        }
    }
}
