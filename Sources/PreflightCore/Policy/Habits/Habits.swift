/// What policies remember of what a trial did, of bounded size: the newest acts, when errors came, what was new last,
/// and how it spends.
///
/// A part of the trial's state that only watches keep whose policies ask for it.
package struct Habits: Hashable, Sendable {
    /// Calls of tools with their arguments.
    var tools = Ring<Act>(capacity: 128)
    /// Answers since the last call of a tool that was no repetition.
    var answers = Ring<Act>(capacity: 64)
    /// How the newest of both can be shown.
    var lastTool = Shown(name: nil, value: .null)
    var lastAnswer = Shown(name: nil, value: .null)

    /// The newest acts of both kinds, and how often each is among them.
    private var recent = Ring<UInt64>(capacity: 64)
    private var counts: [UInt64: Int] = [:]

    var errorTimes = Ring<Duration>(capacity: 256)
    /// How many errors of the trial stand in it, or stood.
    var errorsSeen = 0

    /// Kinds of calls that were seen.
    private var kinds: Set<UInt64> = []
    /// When there was something new, how much was spent then, and what it was.
    var newAt: Duration?
    var newSpend = USD.zero
    var newWhat = "the start"
    /// The same for the time alone: its calls may have waited since.
    var newAtWhat = "the start"

    var spending = Spending()

    package init() {}

    /// What an act can be shown as, cut only when it is.
    struct Shown: Hashable, Sendable {
        var name: String?
        var value: JSON

        var text: String {
            let words = value.string ?? (value.isNull ? "" : value.text)
            let cut = words.utf8.count > 100 ? String(words.prefix(80)) + "…" : words
            return [name.map { String(decoding: $0.utf8.prefix(80), as: UTF8.self) }, cut.isEmpty ? nil : cut]
                .compactMap(\.self).joined(separator: " ")
        }
    }

    /// Of the newest acts, at most 64, those that are exactly one of the others; in parts per thousand.
    var repeatedPermille: Int { recent.count == 0 ? 0 : (recent.count - counts.count) * 1000 / recent.count }

    mutating func take(tool act: Act, shown: Shown) {
        // A call that is new makes the answers before it no loop.
        if !tools.repeats(act) { answers.removeAll() }
        tools.append(act)
        lastTool = shown
        remember(act.hash)
    }

    mutating func take(answer act: Act, shown: Shown) {
        answers.append(act)
        lastAnswer = shown
        remember(act.hash)
    }

    private mutating func remember(_ hash: UInt64) {
        counts[hash, default: 0] += 1
        guard let old = recent.append(hash), let count = counts[old] else { return }
        counts[old] = count == 1 ? nil : count - 1
    }

    /// Remembers a kind of call; true where it is a new one.
    mutating func isNew(kind: UInt64) -> Bool {
        // An agent of so many kinds of calls does not stall for want of a new one.
        if kinds.count >= 4096 { kinds.removeAll() }
        return kinds.insert(kind).inserted
    }

    mutating func noteNew(_ what: String, at elapsed: Duration, spend: USD) {
        newAt = elapsed
        newSpend = spend
        newWhat = what
        newAtWhat = what
    }

    /// Its calls go on: its time without anything new begins anew.
    mutating func noteWaited(_ until: String, at elapsed: Duration) {
        guard newAt != nil else { return }
        newAt = elapsed
        newAtWhat = until
    }
}

extension Ring where Element == Act {
    static var longestCycle: Int { 8 }

    /// Whether one that comes now would be what came up to eight acts before.
    func repeats(_ act: Act) -> Bool {
        for lag in 0..<min(Self.longestCycle, count) where self[back: lag].hash == act.hash { return true }
        return false
    }

    /// How often the newest acts have come again in the same order: the best of all cycles of up to eight acts.
    ///
    /// - Returns: the length of the cycle, and how often it has come, counting whole ones, at most `limit` times.
    func cycle(upTo limit: Int, permille: Int) -> (length: Int, times: Int) {
        var best = (length: 1, times: count > 0 ? 1 : 0)
        for length in 1...Self.longestCycle where length * 2 <= count {
            let most = min(count, length * limit) - length
            var matched = 0
            while matched < most, self[back: matched].isLike(self[back: matched + length], permille: permille) {
                matched += 1
            }
            let times = 1 + matched / length
            if times > best.times { best = (length, times) }
        }
        return best
    }
}

/// How much was spent within the last minute, to a second.
struct Spending: Hashable, Sendable {
    private struct Sample: Hashable, Sendable {
        var at: Duration
        var spend: USD
    }

    private var samples = Ring<Sample>(capacity: 64)

    /// Told of every change of the spend.
    mutating func take(_ spend: USD, at elapsed: Duration) {
        guard samples.count > 0 else {
            samples.append(Sample(at: elapsed, spend: spend))
            return
        }
        // One a second is kept: its last.
        let last = samples[back: 0]
        guard last.spend != spend else { return }
        if last.at.components.seconds == elapsed.components.seconds {
            samples.replaceLast(with: Sample(at: last.at, spend: spend))
        } else {
            samples.append(Sample(at: elapsed, spend: spend))
        }
    }

    /// What was spent since a minute before.
    func lastMinute(at elapsed: Duration) -> USD {
        guard samples.count > 0 else { return .zero }
        var before = USD.zero
        for index in 0..<samples.count {
            let sample = samples[back: index]
            guard sample.at > elapsed - .seconds(60) else {
                before = sample.spend
                break
            }
            // What came before is forgotten: it was more than a minute ago, or nothing.
            if index == samples.count - 1, samples.count == samples.capacity { before = sample.spend }
        }
        return max(.zero, samples[back: 0].spend - before)
    }
}
