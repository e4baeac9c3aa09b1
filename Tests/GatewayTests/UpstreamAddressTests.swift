import NIOCore
import NIOPosix
import PreflightCore
import TestSupport
import Testing

/// Upstreams whose name has several addresses, of which not all answer.
@Suite struct UpstreamAddressTests {
    /// A name with these addresses, whatever it is.
    private struct Addresses: Resolver, Sendable {
        var loop: any EventLoop
        var six: [String]
        var four: [String]

        private func answer(_ texts: [String], _ port: Int) -> EventLoopFuture<[SocketAddress]> {
            loop.makeCompletedFuture { try texts.map { try SocketAddress(ipAddress: $0, port: port) } }
        }

        func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { answer(four, port) }
        func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { answer(six, port) }
        func cancelQueries() {}
    }

    private static let answer =
        #"{"id":"c1","model":"m","choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],"#
        + #""usage":{"prompt_tokens":5,"completion_tokens":2,"cost":0.001}}"#

    /// An upstream at 127.0.0.1 alone, under a name.
    private func ask(
        six: [String], four: [String], certificate: TestCertificate? = nil
    ) async throws -> (answer: TestCaller.Answer, spent: USD, isFree: Bool) {
        var result: (TestCaller.Answer, USD, Bool)?
        func resolver(_ loop: any EventLoop) -> any Resolver & Sendable { Addresses(loop: loop, six: six, four: four) }
        try await withScriptedGateway(
            [ScriptedUpstream { _ in ScriptedUpstream.Script(Self.answer) }], certificate: certificate,
            host: certificate == nil ? "upstream.example" : "localhost", resolver: resolver
        ) { bench in
            let answer = try await bench.caller.send("POST", "/v1/chat/completions", chat())
            let scope = try await bench.quiet()
            result = (answer, scope.spent.total, scope.reserved + scope.held == .zero)
        }
        return try #require(result)
    }

    @Test(
        arguments: [
            ([], ["127.0.0.1"]), (["::1"], ["127.0.0.1"]), (["::1", "::1"], ["127.0.0.2", "127.0.0.1"]),
        ] as [([String], [String])])
    func `an address that refuses is no reason to fail where another one answers`(
        six: [String], four: [String]
    ) async throws {
        try await withTemporaryDirectory { directory in
            let secure = try TestCertificate(for: "localhost", in: directory, isTrusted: true)
            for certificate in [nil, secure] {
                let told = try await ask(six: six, four: four, certificate: certificate)
                #expect(told.answer.status == 200, "\(told.answer.text)")
                #expect(told.spent == USD(picodollars: 1_000_000_000) && told.isFree)
            }
        }
    }

    @Test func `where none answers it is said why, and nothing is kept`() async throws {
        let refused = try await ask(six: ["::1"], four: ["127.0.0.2"])
        #expect(refused.answer.status == 502 && refused.answer.text.contains("refused"), "\(refused.answer.text)")
        #expect(refused.spent == .zero && refused.isFree)
        let unknown = try await ask(six: [], four: [])
        #expect(unknown.answer.status == 502 && unknown.spent == .zero && unknown.isFree, "\(unknown.answer.text)")
    }
}
