import Console
import Foundation
import Gateway
import Harness
import OpenRouter
import PreflightCore
import Store
import Synchronization

/// The gateway by itself: listeners, console, prices, keys and the file that says what they are.
struct GatewayService {
    let configuration: GatewayConfiguration
    /// Reads the file again; nil where there is none.
    let reread: (@Sendable () throws -> GatewayConfiguration)?
    let ledgerPath: String
    let file: String?
    /// Of the scope `default`; nil where the file has the budgets.
    let budget: BudgetChange?
    let options: Options
    let wiring: Wiring
    /// What is said while callers are served: nobody waits for a terminal that is held.
    let announcer = Announcer(.shared)

    struct Options {
        var log: String?
        var threads: Int?
        var grace: Duration
        var isVerbose: Bool
        var adminToken: String?
    }

    static let adminVariable = AdminToken.variable
    static let defaultScope = "default"

    private var terminal: Terminal { .shared }

    /// Serves until the owner asks for the end; calls under way then have their time.
    func run(until stop: StopSignal) async throws {
        let ledger = try Ledger(
            path: ledgerPath, maxWaiting: configuration.settings.bounds.waiting, now: wiring.world.now)
        let result: Result<Void, any Error>
        do { result = .success(try await serve(ledger, until: stop)) } catch { result = .failure(error) }
        await ledger.close()
        try result.get()
    }

    private func serve(_ ledger: Ledger, until stop: StopSignal) async throws {
        let desk = try Desk(
            log: options.log, isVerbose: options.isVerbose, announcer: announcer, now: wiring.world.now)
        let gateway =
            try options.threads.map {
                try Gateway(
                    settings: configuration.settings, ledger: ledger, threads: $0, now: wiring.world.now,
                    report: { desk.take($0) })
            }
            ?? Gateway(
                settings: configuration.settings, ledger: ledger, now: wiring.world.now, report: { desk.take($0) })
        let result: Result<Void, any Error>
        do { result = .success(try await serve(gateway, ledger, desk, until: stop)) } catch { result = .failure(error) }
        await gateway.shutDown()
        await desk.finish()
        try result.get()
    }

    private func serve(_ gateway: Gateway, _ ledger: Ledger, _ desk: Desk, until stop: StopSignal) async throws {
        guard let prices = try await firstPrices(unless: stop) else { return }
        prices.set(in: gateway.prices)
        try await define(configuration, in: ledger)
        let store = try VirtualKeyStore(path: ledgerPath)
        try await gateway.keys.load(store)
        let key = budget == nil ? nil : try await ownKey(gateway, ledger)
        gateway.reconcile(try await LedgerReader(path: ledgerPath).heldCalls().map { ($0.call, $0.scopeName) })
        // Not before the keys are known: a client that is told that its key is wrong does not try again.
        let listeners = try await listen(gateway)
        try await withThrowingTaskGroup(of: Part.self) { group in
            func serve(_ part: @escaping @Sendable () async -> Void) {
                group.addTask {
                    await part()
                    return .helper
                }
            }
            serve { await gateway.run() }
            serve { await gateway.keys.watch(store) { announcer.say("warning: keys: \($0)") } }
            serve { await self.followPrices(gateway) }
            serve { await self.followFile(gateway, ledger) }
            serve { await desk.run(openConnections: { gateway.openConnections }) }
            let console = try await openConsole(&group, gateway, ledger, store, listeners, desk)
            announce(listeners, console: console, key: key)
            // Ends with the owner's wish, or with a part that cannot go on.
            group.addTask {
                await stop.wait(for: .graceful)
                return .owner
            }
            while let part = try await group.next(), part != .owner {}
            announcer.say("stopping: calls under way have \(options.grace.shortText) to end")
            await end(gateway, listeners, stop)
            group.cancelAll()
        }
    }

    /// Whose task has ended.
    private enum Part: Sendable { case owner, helper }

    /// Lets calls end, unless the owner is in a hurry.
    private func end(_ gateway: Gateway, _ listeners: [BoundListener], _ stop: StopSignal) async {
        let grace = options.grace
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await gateway.stop(listeners, grace: grace) }
            group.addTask {
                await stop.wait(for: .quick)
                if !Task.isCancelled { await gateway.stop([], grace: .zero) }
            }
            await group.next()
            group.cancelAll()
        }
    }

    private func listen(_ gateway: Gateway) async throws -> [BoundListener] {
        var bound: [BoundListener] = []
        for (index, address) in configuration.listen.enumerated() {
            bound.append(
                try await gateway.listen(Listener(name: "listen-\(index)"), host: address.host, port: address.port))
        }
        return bound
    }

    // MARK: Budgets, keys

    private func define(_ configuration: GatewayConfiguration, in ledger: Ledger) async throws {
        var changes = configuration.budgets.map { (name: $0.scope, change: $0.change) }
        if let budget { changes.append((Self.defaultScope, budget)) }
        try await ledger.define(all: changes)
    }

    /// A key for the budget of the command line. It is good as long as this process lives, and is kept nowhere.
    private func ownKey(_ gateway: Gateway, _ ledger: Ledger) async throws -> String {
        let scope = try await ledger.scope(named: Self.defaultScope)
        return gateway.keys.issue { label in
            VirtualKey(id: "own", label: label, scope: scope, scopeName: Self.defaultScope)
        }.text
    }

    // MARK: The file

    /// Reads the file again when it changed, or when it is asked for.
    private func followFile(_ gateway: Gateway, _ ledger: Ledger) async {
        guard let file, let reread else { return }
        let asked = SignalFlag(SIGUSR1)
        var known = Files.stamp(file)
        while !Task.isCancelled {
            do { try await wiring.world.clock.sleep(for: .seconds(1)) } catch { return }
            let stamp = Files.stamp(file)
            guard asked.take() || (stamp != known && stamp != nil) else { continue }
            known = stamp
            do {
                let fresh = try reread()
                let prices = try await readPrices(fresh, isFirst: false)
                // What can fail comes first: of a file with a mistake nothing is taken over.
                try await define(fresh, in: ledger)
                prices.set(in: gateway.prices)
                gateway.reload(fresh.settings)
                announcer.say("\(file) was read again")
                if fresh.listen != configuration.listen || fresh.console != configuration.console {
                    announcer.say("warning: other addresses take effect when the gateway starts again")
                }
            } catch {
                announcer.say(
                    "warning: \(file) was not taken over: \((error as? PreflightError)?.message ?? "\(error)")")
            }
        }
    }

    // MARK: Console

    private func openConsole(
        _ group: inout ThrowingTaskGroup<Part, any Error>, _ gateway: Gateway, _ ledger: Ledger,
        _ store: VirtualKeyStore, _ listeners: [BoundListener], _ desk: Desk
    ) async throws -> (bound: ConsoleServer.Bound, token: AdminToken)? {
        guard let address = configuration.console else { return nil }
        let token = try AdminToken(
            environment: options.adminToken, path: AdminToken.path(besideLedger: ledgerPath))
        let doors = ConsoleDoors(
            ledger: ledger, reader: try LedgerReader(path: ledgerPath), keys: store, metrics: desk.metrics,
            feed: desk.feed, now: wiring.world.now, forward: forwarder(gateway, ledger, listeners))
        let server = ConsoleServer(
            ConsoleOptions(
                host: address.host, port: address.port, token: token.secret, version: PreflightTool.version),
            doors: doors)
        let (places, input) = AsyncStream.makeStream(of: ConsoleServer.Bound.self)
        group.addTask {
            defer { input.finish() }
            try await server.run { input.yield($0) }
            return .helper
        }
        for await bound in places { return (bound, token) }
        // It could not listen: the task says why.
        while try await group.next() != nil {}
        return nil
    }

    /// The console's chats go in by the front door, with a key of their own for each scope.
    private func forwarder(
        _ gateway: Gateway, _ ledger: Ledger, _ listeners: [BoundListener]
    ) -> ConsoleDoors.Forward {
        let keys = ScopeKeys()
        let port = listeners.first?.port ?? 0
        let host = listeners.first.map { ["0.0.0.0", "::"].contains($0.host) ? "127.0.0.1" : $0.host } ?? "127.0.0.1"
        let url = "http://\(host.contains(":") ? "[\(host)]" : host):\(port)/v1/chat/completions"
        return { scope, body in
            do {
                let id = try await ledger.scope(named: scope)
                let key = keys.key(for: scope) {
                    gateway.keys.issue { label in
                        VirtualKey(id: "console", label: label, scope: id, scopeName: scope)
                    }.text
                }
                let answer = try await HTTPExchange.post(
                    url, body: body.bytes, bearer: Secret(key), within: .seconds(3600))
                return .init(
                    status: answer.status, body: (try? JSON.parse(answer.body)) ?? .null, headers: answer.headers)
            } catch {
                return .init(status: 502, body: ["error": ["message": .string("\(error)")]])
            }
        }
    }

    /// Keys that the console calls with, one for each scope.
    private final class ScopeKeys: Sendable {
        private let texts = Mutex<[String: String]>([:])

        func key(for scope: String, make: () -> String) -> String {
            texts.withLock { texts in
                if let text = texts[scope] { return text }
                let text = make()
                texts[scope] = text
                return text
            }
        }
    }

    // MARK: Telling

    private func announce(
        _ listeners: [BoundListener], console: (bound: ConsoleServer.Bound, token: AdminToken)?, key: String?
    ) {
        let urls = listeners.map { "http://\($0.host.contains(":") ? "[\($0.host)]" : $0.host):\($0.port)" }
        let first = urls.first ?? ""
        var lines = ["# gateway: \(urls.joined(separator: ", ")); ledger \(ledgerPath)"]
        if let console {
            lines.append("# console: \(console.bound.url)")
            if let path = console.token.path { lines.append("# administrator's token: \(path)") }
        }
        if let key {
            lines += [
                "export OPENROUTER_BASE_URL=\(first)/api/v1", "export OPENROUTER_API_KEY=\(key)",
                "export OPENAI_BASE_URL=\(first)/v1", "export OPENAI_API_KEY=\(key)",
                "export ANTHROPIC_BASE_URL=\(first)", "export ANTHROPIC_AUTH_TOKEN=\(key)",
            ]
        } else {
            lines.append("# keys: preflight keys create SCOPE")
        }
        terminal.data(lines.joined(separator: "\n"))
    }
}
