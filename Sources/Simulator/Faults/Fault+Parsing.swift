import PreflightCore

extension Fault {
    /// Reads a fault as the control plane is sent it.
    init(json: JSON) throws(PreflightError) {
        let reader = TreeReader(json)
        let members = try reader.object(keys: [
            "path", "method", "count", "kind", "status", "body", "retry_after", "delay", "skip", "carried_out",
            "tokens", "after", "usage", "model",
        ])
        guard let path = members["path"], let kind = members["kind"] else {
            throw reader.fail("'path' and 'kind' are needed")
        }
        self.init(
            try Self.kind(kind), path: try path.string(), method: try members["method"]?.string(),
            skip: try members["skip"]?.count() ?? 0, status: try members["status"]?.count(in: 200...599),
            // An object may be given as it is to be sent.
            body: members["body"].map { $0.value.string ?? $0.value.text },
            retryAfter: try members["retry_after"]?.count(),
            delay: try members["delay"]?.duration() ?? .seconds(1),
            isCarriedOut: try members["carried_out"]?.bool() ?? false,
            tokens: try members["tokens"]?.count(in: 0...1_000_000), after: try members["after"]?.count(),
            showsUsage: try members["usage"]?.bool() ?? false, model: try members["model"]?.string())
        if model != nil, self.kind != .status { throw reader.fail("'model' goes with the kind 'status' only") }
        if let count = try members["count"]?.countOrForever() { self.count = count == .max ? nil : count }
    }

    /// `no_usage` is another word for `missing_usage`.
    private static func kind(_ reader: TreeReader) throws(PreflightError) -> Kind {
        reader.value.string == "no_usage" ? .missingUsage : try reader.named(Kind.self)
    }
}
