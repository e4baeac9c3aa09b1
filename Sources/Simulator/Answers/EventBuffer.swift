import PreflightCore

/// Server-sent events that wait to be written together.
struct EventBuffer: Sendable {
    private(set) var bytes: [UInt8] = []
    private static let dataField = Array("data: ".utf8)
    private static let end: [UInt8] = [0x0A, 0x0A]

    /// Whole text of events, blank lines included.
    mutating func append(_ text: String) { bytes += text.utf8 }

    mutating func append(_ more: [UInt8]) { bytes += more }

    /// One event, named where the API names its events.
    mutating func data(_ json: JSON, event: String? = nil) {
        if let event { append("event: \(event)\n") }
        bytes += Self.dataField
        json.write(into: &bytes)
        bytes += Self.end
    }

    mutating func done() { append("data: [DONE]\n\n") }

    /// What has gathered, leaving nothing.
    mutating func take() -> [UInt8] {
        defer { bytes.removeAll(keepingCapacity: true) }
        return bytes
    }
}
