package import PreflightCore

extension SimulatorServer {
    /// Makes requests go wrong from now on; returns the fault's number.
    @discardableResult
    package func addFault(_ fault: Fault) -> Int { withState { $0.faults.add(fault) } }

    /// Takes back faults by their numbers.
    package func removeFaults(_ numbers: [Int]) { withState { $0.faults.remove(numbers) } }

    package func removeFaults() { withState { $0.faults.removeAll() } }

    /// Everything that was charged, without any delay.
    package var bill: Bill { withState { $0.bill } }

    /// The account's keys that exist now, newest first, the two seeded ones included.
    package var keys: [APIKey] { withState { $0.keys.all } }

    /// The newest requests, oldest first.
    package var calls: [AnsweredCall] { withState { $0.calls.recent } }

    /// How many calls of a key, deleted ones included, have met a fault.
    package func faults(keyHash: String) -> Int { withState { $0.calls.faults[keyHash] ?? 0 } }

    /// Connections that clients hold open now, idle ones included.
    package var openConnectionCount: Int { clients.count }

    /// Clients that left before the end, newest last, and over all: the list keeps the newest only.
    package var departures: [Departure] { withState { $0.departures.recent } }
    package var departureCount: Int { withState { $0.departures.count } }
    package var cancelledStreamCount: Int { withState { $0.departures.streamCount } }

    func noteDeparture(of client: ClientConnection, _ call: Admission, produced: Int) async {
        await client.waitUntilClosed()
        // A server that stops, or a writer that fails otherwise, is not a client that left.
        guard let noticedAt = client.leftAt else { return }
        let departure = Departure(
            generationID: call.generationID, keyHash: call.keyHash, isStreamed: call.request.isStreamed,
            completionTokens: produced, at: now(), noticedAt: noticedAt)
        withState { $0.departures.add(departure) }
    }

    /// What the account has bought in all; its balance is this less the bill.
    package func setCredits(_ total: USD) { withState { $0.account.totalCredits = total } }

    /// Changes what a model costs, per token, in the list and for calls from now on; false where there is no such model.
    @discardableResult
    package func setPrice(of model: String, prompt: USD? = nil, completion: USD? = nil) -> Bool {
        withState { state in
            guard let catalogue = state.catalogue.repriced(model, prompt: prompt, completion: completion) else {
                return false
            }
            state.catalogue = catalogue
            return true
        }
    }

    package func setScenario(_ scenario: Scenario) { withState { $0.scenario = scenario } }

    /// The endpoints under `/_simulator`: no key needed, no fault applies.
    func control(_ call: ServerCall) -> Reply {
        do {
            switch (call.method, call.path) {
            case ("GET", "/_simulator/state"): return Reply(stateJSON)
            case ("GET", "/_simulator/bill"): return Reply(bill.json)
            case ("GET", "/_simulator/faults"): return Reply(["faults": withState { $0.faults.json }])
            case ("POST", "/_simulator/faults"):
                return Reply(["id": .int(addFault(try Fault(json: try call.json())))], status: 201)
            case ("DELETE", "/_simulator/faults"):
                removeFaults()
                return Reply(["deleted": true])
            case ("POST", "/_simulator/credits"):
                guard let total = try call.json()["total_credits"]?.usd() else {
                    throw PreflightError(.usage, "credits: total_credits: expected an amount in dollars")
                }
                setCredits(total)
                return Reply(["total_credits": .usd(total)])
            case ("POST", "/_simulator/prices"):
                let json = try call.json()
                let (prompt, completion) = (json["prompt"]?.usd(), json["completion"]?.usd())
                guard let model = json["model"]?.string, prompt != nil || completion != nil else {
                    throw PreflightError(
                        .usage, "prices: expected model, and prompt or completion in dollars per token")
                }
                guard setPrice(of: model, prompt: prompt, completion: completion) else {
                    throw PreflightError(.usage, "prices: there is no model \(model)")
                }
                return Reply(["model": .string(model)])
            case ("POST", "/_simulator/scenario"):
                let scenario = try Self.scenario(try call.json())
                setScenario(scenario)
                return Reply(["scenario": .string(scenario.name)])
            default: return Reply(.notFound)
            }
        } catch let error as APIError {
            return Reply(error)
        } catch {
            return Reply(.badRequest("\(error)"))
        }
    }

    /// A scenario as in a file, or the name of a bundled one as text or as the only member `name`.
    private static func scenario(_ json: JSON) throws(PreflightError) -> Scenario {
        guard let name = json.string ?? (json["models"] == nil ? json["name"]?.string : nil) else {
            return try Scenario.parse(json, name: "scenario")
        }
        guard let scenario = Scenario.bundled[name] else {
            throw PreflightError(
                .usage, "no bundled scenario '\(name)'", hint: NearestName.hint(name, among: Scenario.bundled.keys))
        }
        return scenario
    }

    private var stateJSON: JSON {
        let (now, connections) = (now(), openConnectionCount)
        return withState { state in
            [
                "total_credits": .usd(state.account.totalCredits), "total_usage": .usd(state.account.spend.total),
                "bill_total": .usd(state.bill.total), "charges": .int(state.bill.count),
                "scenario": .string(state.scenario.name),
                "keys": .array(state.keys.all.map { $0.controlView(at: now) }),
                "faults": state.faults.json, "call_count": .int(state.calls.count),
                "open_connections": .int(connections), "departures": .int(state.departures.count),
                "cancelled_streams": .int(state.departures.streamCount),
                "calls": .array(state.calls.recent.map(\.json)),
            ]
        }
    }
}

extension APIKey {
    /// The truth about a key, without its secret.
    fileprivate func controlView(at now: Timestamp) -> JSON {
        let reading = Reading(now: now, horizon: now, isStale: false)
        var view = managementView(reading).object ?? JSON.Object()
        view["is_management_key"] = .bool(kind == .management)
        return .object(view)
    }
}
