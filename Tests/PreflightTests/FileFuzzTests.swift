import TestSupport
import Testing

@Suite struct FileFuzzTests {
    @Test(arguments: [1, 2] as [UInt64]) func `no text of an experiment file breaks what its reader promises`(
        seed: UInt64
    ) {
        var mutation = Mutation(.files, seed: seed)
        let failure = mutation.run(rounds: 1500)
        #expect(failure == nil, "\(failure.map { "\($0)" } ?? "")")
    }
}
