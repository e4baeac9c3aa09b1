import Foundation
import PreflightCore

/// What the benchmarks and the tests of several processes run: `preflight-tools NAME ARGUMENT…`.
@main struct Tools {
    static func main() async throws {
        var arguments = CommandLine.arguments.dropFirst()
        switch arguments.popFirst() {
        case "ledger": try await LedgerBenchmark.run(Array(arguments))
        case "gateway-child": try await GatewayChild.run(Array(arguments))
        case "ledger-baseline": try LedgerBaseline.run(Array(arguments))
        case "ledger-child": try await LedgerChild.run(Array(arguments))
        case "upstream": try await UpstreamServer.run(Array(arguments))
        case "gateway": try await GatewayProcess.run(Array(arguments))
        case "load": try await StreamLoad.run(Array(arguments))
        case "calls": try CallsBenchmark.run(Array(arguments))
        case "recorded-run": try await RecordedRun.run(Array(arguments))
        case "ingest": try await IngestBenchmark.run(Array(arguments))
        case "measure": try Measure.run(Array(arguments))
        case "body": say(StreamLoad.body(isStreamed: false))
        default:
            FileHandle.standardError.write(
                Data(
                    ("usage: preflight-tools ledger|ledger-baseline|ledger-child|gateway-child|upstream|gateway|load"
                        + "|calls|recorded-run|ingest|measure|body …\n").utf8))
            exit(64)
        }
    }

    /// One line on stdout, at once.
    static func say(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }
}

extension Timestamp {
    static var system: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}
