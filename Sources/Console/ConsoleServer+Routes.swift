import PreflightCore
import Reports
import Store

extension ConsoleServer {
    /// The answer to a request; whatever goes wrong is an answer too.
    func answer(_ call: ConsoleCall) async -> ConsoleAnswer {
        do throws(ConsoleFailure) {
            try check(call)
            return try await route(call)
        } catch {
            return ConsoleAnswer(error)
        }
    }

    /// What a request is refused with before its body is read.
    func refusal(_ head: ConsoleCall) -> ConsoleAnswer? {
        do throws(ConsoleFailure) {
            try check(head)
            return nil
        } catch {
            return ConsoleAnswer(error)
        }
    }

    private func check(_ call: ConsoleCall) throws(ConsoleFailure) {
        try gate.check(call, isPublic: call.path == "/api/health")
    }

    private func route(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        switch (call.method, call.path) {
        case ("GET", "/"): return ConsoleAnswer(["routes": .strings(Self.routes)])
        case ("GET", "/api/health"): return await health(isShort: !(options.isLoopback || gate.isAdministrator(call)))
        case ("GET", "/metrics"): return try await metrics()
        case ("GET", "/api/budget"): return try await budgets(call)
        case ("POST", "/api/budget"): return try await defineBudget(call)
        case ("DELETE", "/api/budget"): return try await closeBudget(call)
        case ("POST", "/api/budget/reset"): return try await resetBudget(call)
        case ("GET", "/api/keys"): return try await listKeys()
        case ("POST", "/api/keys"): return try await createKey(call)
        case ("DELETE", "/api/keys"): return try await revokeKey(call)
        case ("POST", "/api/chat"): return try await chat(call)
        case ("GET", "/api/calls"): return try await listCalls(call)
        case ("GET", "/api/events"): return try events()
        default:
            let methods = Self.routes.filter { $0.hasSuffix(" " + call.path) }.compactMap {
                $0.split(separator: " ").first.map(String.init)
            }
            guard methods.isEmpty else {
                var answer = ConsoleAnswer(
                    ConsoleFailure(405, "\(call.path) does not take \(call.method.prefix(20))"))
                answer.headers.append(("Allow", methods.joined(separator: ", ")))
                return answer
            }
            throw ConsoleFailure(404, "there is nothing at \(call.path.prefix(200))", hint: "GET / lists what there is")
        }
    }

    static let routes = [
        "GET /api/health", "GET /metrics", "GET /api/budget", "POST /api/budget", "DELETE /api/budget",
        "POST /api/budget/reset", "GET /api/keys", "POST /api/keys", "DELETE /api/keys", "POST /api/chat",
        "GET /api/calls", "GET /api/events",
    ]

    /// What a store fails with becomes an answer.
    func asking<Value>(
        isMissing: Bool = false, _ body: () async throws -> Value
    ) async throws(ConsoleFailure) -> Value {
        do { return try await body() } catch { throw ConsoleFailure(error, isMissing: isMissing) }
    }

    func report() async throws(ConsoleFailure) -> BudgetReport {
        try await asking { BudgetReport(try await doors.reader.scopes(), at: doors.now()) }
    }

    private func events() throws(ConsoleFailure) -> ConsoleAnswer {
        guard
            let events = doors.feed.follow(backlog: options.bounds.backlog, most: options.bounds.followers)
        else { throw ConsoleFailure(503, "too many follow the events already") }
        return ConsoleAnswer(.events(events))
    }

    /// `since` is the id of a call; without it the newest are listed.
    private func listCalls(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        func number(_ name: String) throws(ConsoleFailure) -> Int64? {
            guard let text = call.parameter(name) else { return nil }
            guard let value = Int64(text), value >= 0 else { throw ConsoleFailure(400, "\(name) is a whole number") }
            return value
        }
        let since = try number("since")
        let limit = Int(min(try number("limit") ?? 100, Int64(options.bounds.calls)))
        let scope = call.parameter("scope")
        if let scope { _ = try await row(scope) }
        let calls = try await asking {
            try await doors.reader.calls(of: scope, after: since.map(CallID.init(row:)), limit: limit)
        }
        return ConsoleAnswer([
            "calls": .array(calls.map(CallRecord.json)), "next": .int(Int(calls.last?.id.row ?? since ?? 0)),
        ])
    }
}
