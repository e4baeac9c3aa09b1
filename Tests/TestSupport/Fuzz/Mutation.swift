import Foundation

/// Runs a target over its seeds and what chance makes of them; the same for the same seed.
package struct Mutation {
    private var random: SeededRandom
    private let target: FuzzTarget

    package init(_ target: FuzzTarget, seed: UInt64) {
        self.target = target
        random = SeededRandom(seed: seed)
    }

    /// An input with which a promise was broken.
    package struct Failure: CustomStringConvertible {
        package var input: [UInt8]
        package var promise: String

        package var description: String { "\(promise); input, base64: \(Data(input).base64EncodedString())" }
    }

    /// - Parameters:
    ///   - rounds: how many changed inputs are tried.
    ///   - longest: inputs are cut there, so that rounds are many rather than long.
    package mutating func run(rounds: Int, longest: Int = 3000) -> Failure? {
        let seeds = target.seeds() + kept
        for seed in seeds { if let promise = target.check(seed) { return Failure(input: seed, promise: promise) } }
        for _ in 0..<rounds {
            var input = Array((seeds.randomElement(using: &random) ?? []).prefix(longest))
            for _ in 0..<Int.random(in: 1...6, using: &random) { change(&input, seeds) }
            if let promise = target.check(input) { return Failure(input: input, promise: promise) }
        }
        return nil
    }

    /// What fuzzing has found before.
    private var kept: [[UInt8]] {
        let folder = TestData.directory.appendingPathComponent("fuzz/\(target.name)")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.sorted().compactMap {
            FileManager.default.contents(atPath: folder.appendingPathComponent($0).path)
        }
        .map { [UInt8]($0) }
    }

    private mutating func change(_ input: inout [UInt8], _ seeds: [[UInt8]]) {
        func place() -> Int { Int.random(in: 0...input.count, using: &random) }
        let from = place()
        let end = min(input.count, from + Int.random(in: 0...40, using: &random))
        switch Int.random(in: 0..<9, using: &random) {
        case 0 where from < input.count: input[from] = .random(in: 0...255, using: &random)
        case 1 where from < input.count: input[from] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: input.removeSubrange(from..<end)
        case 3: input.insert(contentsOf: Array(input[from..<end]), at: place())
        case 4: input.removeSubrange(from...)
        case 5, 6: input.insert(contentsOf: Array((target.words.randomElement(using: &random) ?? "\"").utf8), at: from)
        case 7:
            let other = (seeds.randomElement(using: &random) ?? []).prefix(3000)
            let start = Int.random(in: 0...other.count, using: &random)
            input.replaceSubrange(from..<end, with: other[start...].prefix(60))
        default:
            let numbers = ["-1", "0", "1e400", "9223372036854775807", "-0.5", "99999999999999999999", "1e-30"]
            input.insert(contentsOf: Array((numbers.randomElement(using: &random) ?? "0").utf8), at: from)
        }
    }
}
