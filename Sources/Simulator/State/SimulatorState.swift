import PreflightCore

/// Everything the simulator knows. Time comes in with each question; nothing here waits or speaks HTTP.
struct SimulatorState: Sendable {
    let options: SimulatorOptions
    var catalogue: ServedCatalogue
    var account: Account
    var keys = KeyBook()
    var generations = GenerationLog()
    var cache = PromptCache()
    var faults = FaultList()
    var bill = Bill()
    var calls = CallLog()
    var departures = DepartureLog()
    var scenario: Scenario
    var ids: IDSource
    var callNumber = 0

    init(options: SimulatorOptions, now: Timestamp) throws(PreflightError) {
        self.options = options
        if let bytes = options.catalogue {
            catalogue = try ServedCatalogue(bytes: bytes)
        } else {
            catalogue = .captured
        }
        account = Account(totalCredits: options.credits)
        scenario = options.scenario
        ids = IDSource(seed: options.seed ?? .random(in: 0 ... .max))
        keys.add(
            APIKey(
                kind: .management, hash: ids.hex(64), secret: options.managementKey, name: "Management key",
                createdAt: now))
        keys.add(
            APIKey(
                kind: .ordinary, hash: ids.hex(64), secret: options.ordinaryKey, name: "Ordinary key",
                createdAt: now))
    }

    /// The key a request carries, if it may be used at all.
    func authenticate(_ bearer: String?, now: Timestamp) throws(APIError) -> APIKey {
        guard let bearer else { throw .missingHeader }
        guard let key = keys[secret: bearer] else { throw .unknownKey }
        guard !key.isDisabled else { throw .disabledKey }
        guard !key.isExpired(at: now) else { throw .expiredKey }
        return key
    }

    /// The delayed, and perhaps stale, view a client gets of this key's spending.
    mutating func reading(of key: APIKey, now: Timestamp) -> Reading {
        let number = keys.countReading(hash: key.hash)
        return Reading(
            now: now, horizon: now - options.usageDelay,
            isStale: options.nonMonotonicUsage && number % 3 == 0)
    }
}

extension Timestamp {
    static func - (a: Timestamp, b: Duration) -> Timestamp {
        Timestamp(microseconds: a.microseconds - b.wholeMicroseconds)
    }
}
