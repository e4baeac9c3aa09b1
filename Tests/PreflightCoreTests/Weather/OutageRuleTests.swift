import PreflightCore
import Testing

@Suite struct OutageRuleTests {
    private let rule = OutageRule(limit: .seconds(60))

    @Test func `pauses double up to their longest, and calls that failed together come back apart`() {
        let pauses = (1...6).map { rule.pause(after: $0, lasting: .zero) }
        #expect(pauses == [.seconds(1), .seconds(2), .seconds(4), .seconds(8), .seconds(15), .seconds(15)])
        #expect(rule.pause(after: 3, lasting: .zero, jitter: 0) == .seconds(2))
        #expect(rule.pause(after: .max, lasting: .zero) == .seconds(15))
    }

    @Test func `an outage is waited for as long as its limit, with a last attempt at its end`() {
        #expect(rule.pause(after: 9, lasting: .seconds(55)) == .seconds(5))
        #expect(rule.pause(after: 9, lasting: .seconds(60)) == nil)
        #expect(OutageRule.none.pause(after: 1, lasting: .zero) == nil)
    }

    @Test func `what the provider asks for is kept, or not waited for at all`() {
        #expect(rule.pause(after: 1, lasting: .zero, asked: .seconds(40), jitter: 0) == .seconds(40))
        #expect(rule.pause(after: 1, lasting: .seconds(30), asked: .seconds(40)) == nil)
        #expect(rule.pause(after: 2, lasting: .zero, asked: .zero) == .seconds(2))
    }

    @Test func `an outage that nobody has looked at for long is another one`() {
        var outage = Outage(since: .seconds(10))
        outage.fail(at: .seconds(40), rule: rule)
        #expect(outage.since == .seconds(10))
        outage.fail(at: .seconds(101), rule: rule)
        #expect(outage.since == .seconds(101))
        outage.enter()
        outage.fail(at: .seconds(900), rule: rule)
        #expect(outage.since == .seconds(101) && outage.waiting == 1)
        outage.leave()
        outage.leave()
        #expect(outage.waiting == 0)
    }
}
