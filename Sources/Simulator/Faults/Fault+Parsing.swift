import PreflightCore

extension Fault {
    /// Reads a fault as the control plane is sent it.
    init(json: JSON) throws(PreflightError) {
        let reader = TreeReader(json)
        let members = try reader.object(keys: [
            "path", "method", "count", "kind", "status", "body", "retry_after", "delay", "skip", "carried_out",
        ])
        guard let path = members["path"], let kind = members["kind"] else {
            throw reader.fail("'path' and 'kind' are needed")
        }
        self.init(
            try kind.named(Kind.self), path: try path.string(), method: try members["method"]?.string(),
            skip: try members["skip"]?.count() ?? 0, status: try members["status"]?.count(in: 200...599),
            // An object may be given as it is to be sent.
            body: members["body"].map { $0.value.string ?? $0.value.text },
            retryAfter: try members["retry_after"]?.count(),
            delay: try members["delay"]?.duration() ?? .seconds(1),
            isCarriedOut: try members["carried_out"]?.bool() ?? false)
        if let count = try members["count"]?.countOrForever() { self.count = count == .max ? nil : count }
    }
}
