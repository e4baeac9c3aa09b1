import PreflightCore

/// A parser that meets bytes from outside, and what it promises of any of them.
///
/// The same targets are run by the tests, over a corpus that is changed by chance from a seed, and by libFuzzer
/// (`scripts/fuzz`). What either finds is mended, and kept in `Tests/Data/fuzz/NAME`.
package struct FuzzTarget: Sendable {
    package var name: String
    /// What to begin with.
    package var seeds: @Sendable () -> [[UInt8]]
    /// What the parser has an eye for.
    package var words: [String]
    /// A promise that was broken, in a sentence; nil where all are kept. That it returns at all is one of them.
    package var check: @Sendable ([UInt8]) -> String?

    package init(
        _ name: String, words: [String] = [], seeds: @escaping @Sendable () -> [[UInt8]],
        check: @escaping @Sendable ([UInt8]) -> String?
    ) {
        self.name = name
        self.words = words
        self.seeds = seeds
        self.check = check
    }

    /// Those that need nothing but the core.
    package static let ofCore: [FuzzTarget] = [
        .lines, .json, .answers, .streams, .requests, .experiments, .policies, .values,
    ]
}

/// What a target takes from the front of its input to choose by, so that every choice can be found by chance.
struct FuzzInput {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func choice(below bound: Int) -> Int { Int(rest.popFirst() ?? 0) % max(1, bound) }

    mutating func choice<T>(of values: [T]) -> T { values[choice(below: values.count)] }

    var bytes: [UInt8] { Array(rest) }

    /// The rest in pieces of about the same size.
    func pieces(of size: Int) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var rest = rest
        while !rest.isEmpty {
            pieces.append(Array(rest.prefix(max(1, size))))
            rest = rest.dropFirst(max(1, size))
        }
        return pieces
    }
}

/// Collects what was promised and not kept.
struct Promises {
    private(set) var broken: String?

    mutating func keep(_ holds: Bool, _ what: @autoclosure () -> String) {
        if broken == nil, !holds { broken = what() }
    }

    mutating func keepNonNegative(_ usage: Usage?, _ what: String) {
        guard let usage else { return }
        let counts = [
            usage.promptTokens, usage.completionTokens, usage.cachedTokens, usage.cacheWriteTokens,
            usage.cacheWrite1hTokens, usage.reasoningTokens,
        ]
        keep(counts.allSatisfy { $0 >= 0 } && (usage.cost ?? .zero) >= .zero, "\(what) is negative: \(usage)")
    }
}
