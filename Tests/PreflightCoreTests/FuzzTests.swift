import PreflightCore
import TestSupport
import Testing

/// Outside bytes by chance, the same in every run; `scripts/fuzz` looks for longer and with a better eye.
@Suite struct FuzzTests {
    @Test(arguments: FuzzTarget.ofCore.map(\.name), [1, 2] as [UInt64])
    func `no bytes break what a parser promises`(name: String, seed: UInt64) throws {
        let target = try #require(FuzzTarget.ofCore.first { $0.name == name })
        #expect(!target.seeds().isEmpty)
        var mutation = Mutation(target, seed: seed)
        let failure = mutation.run(rounds: 600)
        #expect(failure == nil, "\(name): \(failure.map { "\($0)" } ?? "")")
    }

    @Test func `a broken promise is told with the input that broke it`() throws {
        let target = FuzzTarget(
            "none", words: ["x"], seeds: { [[1, 2, 3]] }, check: { $0.contains(0x78) ? "it has an x" : nil })
        var mutation = Mutation(target, seed: 3)
        let found = mutation.run(rounds: 500)
        let failure = try #require(found)
        #expect(failure.promise == "it has an x" && failure.input.contains(0x78))
        var again = Mutation(target, seed: 3)
        #expect(again.run(rounds: 500)?.input == failure.input, "the same seed finds the same")
    }
}
