import Foundation
import PreflightCore

/// What the benchmarks and the tests of several processes run: `preflight-tools NAME ARGUMENT…`.
@main struct Tools {
    static func main() async throws {
        var arguments = CommandLine.arguments.dropFirst()
        switch arguments.popFirst() {
        case "ledger": try await LedgerBenchmark.run(Array(arguments))
        case "gateway": try await GatewayChild.run(Array(arguments))
        case "ledger-child": try await LedgerChild.run(Array(arguments))
        default:
            FileHandle.standardError.write(Data("usage: preflight-tools gateway|ledger|ledger-child …\n".utf8))
            exit(64)
        }
    }
}

extension Timestamp {
    static var system: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}
