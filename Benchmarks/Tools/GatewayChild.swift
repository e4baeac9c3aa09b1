import Foundation
import Gateway
import PreflightCore
import Store

/// A gateway in a process of its own, for tests that kill it and for load: `gateway-child LEDGER SCOPE UPSTREAM-URL
/// UPSTREAM-KEY KEY MODELS-FILE`. It prints its port, and serves until its standard input ends.
enum GatewayChild {
    static func run(_ arguments: [String]) async throws {
        guard arguments.count == 6 else {
            throw PreflightError(.usage, "gateway-child LEDGER SCOPE UPSTREAM-URL UPSTREAM-KEY KEY MODELS-FILE")
        }
        let ledger = try Ledger(path: arguments[0], now: { .system })
        guard let scope = try await ledger.findScope(named: arguments[1]) else {
            throw PreflightError(.usage, "no scope \(arguments[1])")
        }
        let upstream = Upstream(
            name: "upstream", kind: .openRouter, address: try UpstreamAddress(url: arguments[2]),
            key: Secret(arguments[3]), pricing: .listed)
        let gateway = try Gateway(
            settings: GatewaySettings(upstreams: [upstream]), ledger: ledger, now: { .system })
        let models = try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: arguments[5]))))
        gateway.prices.set(
            Catalogue(models: (models["data"]?.array ?? []).compactMap(Model.init(json:))), of: "upstream")
        gateway.keys.add(
            VirtualKey(
                id: "child", label: KeyText.label(of: arguments[4]), scope: scope, scopeName: arguments[1]),
            digest: KeyDigest(of: arguments[4]))
        let listener = try await gateway.listen(Listener(name: "child"), host: "127.0.0.1", port: 0)
        FileHandle.standardOutput.write(Data("\(listener.port)\n".utf8))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await gateway.run() }
            group.addTask {
                await withCheckedContinuation { continuation in
                    DispatchQueue.global().async {
                        _ = try? FileHandle.standardInput.readToEnd()
                        continuation.resume()
                    }
                }
                await gateway.stop([listener], grace: .seconds(5))
            }
            await group.next()
            group.cancelAll()
        }
        await gateway.shutDown()
        await ledger.close()
    }
}
