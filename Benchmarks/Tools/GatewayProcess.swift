import Foundation
import Gateway
import PreflightCore
import Store
import Synchronization

/// A gateway with a strict budget over one trial's key: `gateway UPSTREAM_URL LEDGER MODELS THREADS`.
///
/// MODELS is OpenRouter's list of models, from which the prices are. Prints `PORT KEY` and serves until it is killed.
enum GatewayProcess {
    static func run(_ arguments: [String]) async throws {
        guard arguments.count == 4, let threads = Int(arguments[3]) else {
            throw PreflightError(.usage, "gateway UPSTREAM_URL LEDGER MODELS THREADS")
        }
        let list = try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: arguments[2]))))
        let models = (list["data"]?.array ?? []).compactMap(Model.init(json:))
        let upstream = Upstream(
            name: "bench", kind: .openRouter, address: try UpstreamAddress(url: arguments[0]),
            key: Secret("sk-or-bench"), pricing: .table(Catalogue(models: models)))
        let ledger = try Ledger(path: arguments[1], now: { .system })
        let run = try await ledger.scope(named: "run", limits: BudgetLimits(total: USD(cents: 100_000_000)))
        let scope = try await ledger.scope(
            named: "run/trial", parent: run, limits: BudgetLimits(total: USD(cents: 10_000_000)))
        let reports = Mutex(0)
        let gateway = try Gateway(
            settings: GatewaySettings(upstreams: [upstream]), ledger: ledger, threads: threads, now: { .system },
            report: { _ in reports.withLock { $0 += 1 } })
        let (_, text) = gateway.keys.issue { label in
            VirtualKey(id: "bench", label: label, scope: scope, scopeName: "run/trial")
        }
        let bound = try await gateway.listen(Listener(name: "bench"), host: "127.0.0.1", port: 0)
        Tools.say("\(bound.port) \(text)")
        await gateway.run()
    }
}
