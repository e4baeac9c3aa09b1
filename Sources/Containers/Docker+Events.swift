package import PreflightCore
import Subprocess

/// Something that the engine did to a container.
package struct ContainerEvent: Sendable, Equatable {
    package enum Action: String, Sendable { case start, other }

    package var action: Action
    package var container: String
}

extension Docker {
    /// Follows starts of containers with a label, until a time, or cancelled, or the engine goes away.
    ///
    /// - Parameters:
    ///   - since: what happened from then on is told too, so that nothing falls between start and listening.
    ///   - until: by the engine's clock; to the second.
    package func events(
        label: String, since: Timestamp, until: Timestamp, onEvent: @escaping @Sendable (ContainerEvent) -> Void
    ) async throws {
        let arguments = [
            "events", "--since", String(since.secondsSince1970), "--until", String(until.secondsSince1970), "--filter",
            "type=container", "--filter",
            "label=\(label)", "--filter", "event=start", "--format", "{{json .}}",
        ]
        try await runner.stream(executable, arguments, environment: environment) { streams in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    var splitter = LineSplitter(limit: 64 << 10)
                    for try await buffer in streams.stdout {
                        buffer.withUnsafeBytes { bytes in
                            splitter.split(bytes) { line, _ in Self.event(line).map(onEvent) }
                        }
                    }
                }
                group.addTask { for try await _ in streams.stderr {} }
                try await group.waitForAll()
            }
        } result: { _, _ in
        }
    }

    private static func event(_ line: ArraySlice<UInt8>) -> ContainerEvent? {
        guard let json = try? JSON.parse(line), let name = json["Actor"]?["Attributes"]?["name"]?.string else {
            return nil
        }
        let action = (json["Action"] ?? json["status"])?.string ?? ""
        return ContainerEvent(action: ContainerEvent.Action(rawValue: action) ?? .other, container: name)
    }
}
