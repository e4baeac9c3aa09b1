import PreflightCore
import Reports

extension ConsoleServer {
    /// - Parameter isShort: says no more than whether all is well.
    func health(isShort: Bool) async -> ConsoleAnswer {
        let found = await ledgerWatch.health()
        let isWell = found.trouble == nil
        let status: JSON = isWell ? "ok" : "failing"
        if isShort { return ConsoleAnswer(["status": status], status: isWell ? 200 : 503) }
        return ConsoleAnswer(
            [
                "status": status, "version": .string(options.version),
                "uptime_s": .number((ContinuousClock.now - began).decimalSeconds(places: 3)),
                "open_calls": found.openCalls.map(JSON.int) ?? .null, "ledger": .string(found.trouble ?? "ok"),
            ], status: isWell ? 200 : 503)
    }

    func metrics() async throws(ConsoleFailure) -> ConsoleAnswer {
        var text = PrometheusText()
        doors.metrics.write(into: &text)
        // Where not all can be named, those that still spend are, and the newest of them.
        let newest = try await report().rows.reversed()
        let rows = (newest.filter { !$0.scope.isClosed } + newest.filter { $0.scope.isClosed })
            .prefix(options.bounds.scopes)
        func gauge(_ name: String, _ help: String, _ amount: (BudgetReport.Row) -> USD?) {
            text.family(name, .gauge, help)
            for row in rows {
                guard let amount = amount(row) else { continue }
                text.sample(name, ["scope": row.scope.name], amount.decimalText)
            }
        }
        gauge("preflight_scope_spent_usd", "Settled spend since the last reset.") { $0.scope.spent.total }
        gauge("preflight_scope_reserved_usd", "Worst cases of calls under way.") { $0.scope.reserved }
        gauge("preflight_scope_held_usd", "Of calls whose cost is unknown.") { $0.scope.held }
        gauge("preflight_scope_limit_usd", "The limit for all time.") { $0.scope.limits.money.total }
        gauge("preflight_scope_available_usd", "Left for calls that begin now, all scopes above counted.") {
            $0.available
        }
        text.family("preflight_scope_open_calls", .gauge, "Calls under way.")
        for row in rows {
            text.sample("preflight_scope_open_calls", ["scope": row.scope.name], "\(row.scope.openCalls)")
        }
        return ConsoleAnswer(.text(text.text, contentType: "text/plain; version=0.0.4; charset=utf-8"))
    }
}
