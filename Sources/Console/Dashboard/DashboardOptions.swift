package import PreflightCore
package import Store

/// Where the dashboard listens, and what it keeps.
package struct DashboardOptions: Sendable {
    /// On loopback; 0 lets the system choose.
    package var port: Int
    /// What the page shows for every answer it wants.
    package var token: Secret
    package var version: String
    package var bounds = Bounds()

    package init(port: Int = 0, token: Secret, version: String) {
        self.port = port
        self.token = token
        self.version = version
    }

    package struct Bounds: Sendable {
        package var connections = 128
        /// Who follows runs at once.
        package var followers = 32
        /// Runs that are kept in memory.
        package var runs = 4
        /// Runs of one answer.
        package var listed = 100
        /// Lines of one answer.
        package var lines = 500
        /// Bytes of a line in a list; a line by itself has up to 1 MiB.
        package var lineBytes = 4096
        /// Names in a trial's output directory that are read; 200 of them are shown.
        package var outputNames = 2000
        /// How often a run that lives is looked at while somebody follows it.
        package var pace = Duration.seconds(1)
        /// A sign of life on a connection that has nothing to say.
        package var heartbeat = Duration.seconds(15)

        package init() {}
    }
}

/// What the dashboard reads from. It writes nothing.
package struct DashboardDoors: Sendable {
    package var runs: RunsDirectory
    package var now: @Sendable () -> Timestamp

    package init(runs: RunsDirectory, now: @escaping @Sendable () -> Timestamp) {
        self.runs = runs
        self.now = now
    }
}
