import TestSupport
import Testing

@Suite struct FramingFuzzTests {
    @Test(arguments: FuzzTarget.ofGateway.map(\.name), [1, 2] as [UInt64])
    func `no bytes on a connection break what its parser promises`(name: String, seed: UInt64) throws {
        let target = try #require(FuzzTarget.ofGateway.first { $0.name == name })
        var mutation = Mutation(target, seed: seed)
        let failure = mutation.run(rounds: 2000)
        #expect(failure == nil, "\(name): \(failure.map { "\($0)" } ?? "")")
    }

    @Test func `bodies are compared by their bytes, text or not`() {
        func request(_ body: [UInt8]) -> [UInt8] {
            Array("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: \(body.count)\r\n\r\n".utf8) + body
        }
        let (one, other) = (request([0xFF]), request([0xFE]))
        #expect(FuzzTarget.requests(one, size: 9).last?.body == [0xFF])
        #expect(FuzzTarget.requests(one, size: 9) != FuzzTarget.requests(other, size: 9))
        let long = request([UInt8](repeating: 0xFF, count: 4000))
        #expect(FuzzTarget.httpRequests.check([7] + long) == nil)
    }
}
