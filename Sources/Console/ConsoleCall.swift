import PreflightCore

/// A request to the console, read in full.
struct ConsoleCall: Sendable {
    var method: String
    /// Percent-encoding removed.
    var path: String
    var query: [String: String] = [:]
    /// The token of `Authorization: Bearer`.
    var bearer: String?
    var host: String?
    var origin: String?
    /// What a browser says of where the request comes from.
    var site: String?
    var contentType: String?
    /// The last event that a follower has seen, when it comes again.
    var lastEventID: String?
    var body: [UInt8] = []

    /// It changes nothing, and its body means nothing.
    var isReading: Bool { ["GET", "HEAD"].contains(method) }

    func json() throws(ConsoleFailure) -> JSON {
        do { return try JSON.parse(body) } catch {
            throw ConsoleFailure(400, "the body is no JSON: \(error)", hint: "send an object, such as {\"limit\": 5}")
        }
    }

    /// The members of the body, without what none of `keys` names; an empty body has none.
    func object(keys: [String]) throws(ConsoleFailure) -> JSON.Object {
        guard !body.isEmpty else { return JSON.Object() }
        guard let object = try json().object else { throw ConsoleFailure(400, "expected an object") }
        for key in object.keys where !keys.contains(key) {
            throw ConsoleFailure(
                400, "unknown key '\(key.prefix(80))'",
                hint: NearestName.hint(String(key.prefix(80)), among: keys)
                    ?? "known here: \(keys.joined(separator: ", "))")
        }
        return object
    }

    /// A member of the query, which must not be repeated in other words by the body.
    func parameter(_ name: String) -> String? { query[name].flatMap { $0.isEmpty ? nil : $0 } }

    func requiredParameter(_ name: String, _ value: String? = nil) throws(ConsoleFailure) -> String {
        if let given = parameter(name) {
            guard value == nil || value == given else {
                throw ConsoleFailure(400, "the address and the body name different values of \(name)")
            }
            return given
        }
        guard let value else { throw ConsoleFailure(400, "\(name) is missing", hint: "\(path)?\(name)=NAME") }
        return value
    }
}

/// What the console answers.
struct ConsoleAnswer: Sendable {
    enum Body: Sendable {
        case json(JSON)
        case text(String, contentType: String)
        case bytes([UInt8], contentType: String)
        case events(AsyncStream<ConsoleFeed.Item>)
        /// Server-sent events as they are made; they are asked for when the ones before are sent.
        case stream(@Sendable () -> AsyncStream<String>)
    }

    var status = 200
    var body: Body
    var headers: [(name: String, value: String)] = []

    init(_ json: JSON, status: Int = 200) {
        self.status = status
        body = .json(json)
    }

    init(_ body: Body) { self.body = body }

    init(_ failure: ConsoleFailure) {
        self.init(failure.json, status: failure.status)
        if failure.status == 401 { headers.append(("WWW-Authenticate", "Bearer")) }
    }
}

/// Why a request is not served.
struct ConsoleFailure: Error, Sendable {
    var status: Int
    var message: String
    var hint: String?

    init(_ status: Int, _ message: String, hint: String? = nil) {
        self.status = status
        self.message = message
        self.hint = hint
    }

    /// - Parameter isMissing: what was named is not there.
    init(_ error: any Error, isMissing: Bool = false) {
        guard let error = error as? PreflightError else {
            self.init(500, "\(error)")
            return
        }
        let status = error.code == .usage ? (isMissing ? 404 : 400) : error.code == .refused ? 409 : 503
        self.init(status, error.message, hint: error.hint)
    }

    var json: JSON {
        ["error": .record(["message": .string(message), "hint": hint.map(JSON.string)])]
    }
}
