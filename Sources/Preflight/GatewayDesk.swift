import Console
import Foundation
import Gateway
import PreflightCore
import Store
import Synchronization

extension GatewayService {
    /// Where the gateway's events go: metrics, followers, a log file, a line for people. Nothing here blocks a caller.
    final class Desk: Sendable {
        let metrics = ConsoleMetrics()
        let feed = ConsoleFeed()
        private let isVerbose: Bool
        private let announcer: Announcer
        private let now: @Sendable () -> Timestamp
        private let log: LogFile?

        init(
            log path: String?, isVerbose: Bool, announcer: Announcer, now: @escaping @Sendable () -> Timestamp
        ) throws {
            self.isVerbose = isVerbose
            self.announcer = announcer
            self.now = now
            log = try path.map { try LogFile(path: $0) { announcer.say("warning: \($0)") } }
        }

        func take(_ event: GatewayEvent) {
            if let call = event.call, event.kind != .callReserved {
                metrics.observe(
                    CallObservation(
                        kind: event.kind.rawValue, model: call.model, status: call.status, cost: call.cost,
                        usage: call.usage, duration: call.duration, timeToFirstToken: call.timeToFirstToken))
            }
            if feed.followerCount > 0 { feed.publish(event.kind.rawValue, event.fields) }
            write(event)
            if isVerbose, event.kind != .callReserved { announcer.say(Self.line(event)) }
        }

        private func write(_ event: GatewayEvent) {
            guard let log else { return }
            var object = JSON.Object()
            object.append("timestamp", .string(now().iso8601))
            object.append("type", .string(event.kind.rawValue))
            for member in event.fields.members { object.append(member.key, member.value) }
            log.append(JSON.object(object).bytes + [0x0A])
        }

        /// All is over: what is still to be written and said is, if that is possible.
        func finish() async {
            await log?.finish()
            await announcer.finish()
        }

        /// Keeps the file and the gauges fresh, until it is cancelled.
        func run(openConnections: @Sendable () -> Int) async {
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(200))
                metrics.setOpenConnections(openConnections())
                log?.flush()
            }
        }

        private static func line(_ event: GatewayEvent) -> String {
            let call = event.call
            let cost = call?.cost.map { "\($0)" } ?? call?.reserved.map { "up to \($0)" }
            return [
                event.kind.rawValue, event.key?.scopeName, call?.model, call?.status.map { "\($0)" }, cost,
                call?.duration?.shortText, event.target, event.reason,
            ].compactMap(\.self).joined(separator: "  ")
        }
    }
}

/// Remembers that a signal came.
final class SignalFlag: Sendable {
    private nonisolated(unsafe) let source: any DispatchSourceSignal
    private let isRaised = Mutex(false)

    init(_ number: CInt) {
        signal(number, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { [weak self] in self?.isRaised.withLock { $0 = true } }
        source.resume()
    }

    deinit { source.cancel() }

    func take() -> Bool {
        isRaised.withLock { raised in
            defer { raised = false }
            return raised
        }
    }
}
