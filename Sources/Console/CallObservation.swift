package import PreflightCore

/// What metrics keep of a call.
package struct CallObservation: Sendable {
    /// What became of it, e.g. `call_settled`.
    package var kind: String
    package var model: String
    package var status: Int?
    package var cost: USD?
    package var usage: Usage?
    package var duration: Duration?
    package var timeToFirstToken: Duration?

    package init(
        kind: String, model: String, status: Int? = nil, cost: USD? = nil, usage: Usage? = nil,
        duration: Duration? = nil, timeToFirstToken: Duration? = nil
    ) {
        self.kind = kind
        self.model = model
        self.status = status
        self.cost = cost
        self.usage = usage
        self.duration = duration
        self.timeToFirstToken = timeToFirstToken
    }

    /// The first that is told of a call's end.
    var isEnd: Bool { kind != "call_reconciled" }
    /// What it cost is known for good.
    var isCharge: Bool { kind == "call_settled" || kind == "call_reconciled" }
}
