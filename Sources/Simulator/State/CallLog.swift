package import PreflightCore

/// One request as it was answered.
package struct AnsweredCall: Sendable {
    package var at: Timestamp
    package var method: String
    package var path: String
    /// Nil when the connection ended without a status.
    package var status: Int?
    /// The kind of the fault that was played, if any.
    package var fault: String?
    /// Of the key that it came with; nil where that is none of the account's.
    package var keyHash: String?

    var json: JSON {
        .record([
            "at": .string(at.iso8601), "method": .string(method), "path": .string(path),
            "status": status.map(JSON.int) ?? .null, "fault": fault.map(JSON.string),
        ])
    }
}

/// The newest requests, and how many there were in all.
struct CallLog: Sendable {
    static let maximumCount = 1000

    private(set) var recent: [AnsweredCall] = []
    private(set) var count = 0
    /// How many calls of a key met a fault, by its hash; over all calls there ever were.
    private(set) var faults: [String: Int] = [:]

    mutating func add(_ call: AnsweredCall) {
        count += 1
        if call.fault != nil, let hash = call.keyHash { faults[hash, default: 0] += 1 }
        recent.append(call)
        if recent.count > Self.maximumCount { recent.removeFirst(Self.maximumCount / 10) }
    }
}
