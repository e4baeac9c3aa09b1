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
}
