import PreflightCore
import Testing

@Suite struct USDTests {
    @Test(
        arguments: [
            ("0.15", 150_000_000_000), ("1", 1_000_000_000_000), ("0.0000000075", 7_500), ("-1", -1_000_000_000_000),
            ("8.6e-05", 86_000_000), ("1e-12", 1), ("1E+2", 100_000_000_000_000), ("0", 0), ("0.000", 0),
            ("00.5", 500_000_000_000),
            (".5", 500_000_000_000), ("835", 835_000_000_000_000),
        ] as [(String, Int64)])
    func `decimal text is read exactly`(text: String, picodollars: Int64) {
        #expect(USD(decimal: text)?.picodollars == picodollars)
    }

    @Test(arguments: [
        "", "-", ".", "1.", "1e", "1e+", "NaN", "inf", "0x1", "1,5", " 1", "1 ", "--1", "1e99999", "99999999999",
    ])
    func `what is no amount is refused`(text: String) {
        #expect(USD(decimal: text) == nil)
    }

    @Test func `finer digits are rounded up for what is owed and down for what is owned`() {
        #expect(USD(decimal: "0.0000006000000000000001")?.picodollars == 600_001)
        #expect(USD(decimal: "0.0000006000000000000001", rounding: .down)?.picodollars == 600_000)
        #expect(USD(decimal: "-0.0000000000005")?.picodollars == 0)
        #expect(USD(decimal: "-0.0000000000005", rounding: .down)?.picodollars == -1)
        #expect(USD(decimal: "0.0004970133333333333")?.picodollars == 497_013_334)
    }

    @Test func `99 of 100 one-cent grants and the last one fit in a dollar`() {
        var sum = USD.zero
        for _ in 0..<100 { sum += USD(cents: 1) }
        #expect(sum == USD(cents: 100))
    }

    @Test func `sums and products saturate instead of trapping`() {
        #expect(USD.max + USD(cents: 1) == .max)
        #expect(USD(picodollars: .min) - USD(cents: 1) == USD(picodollars: .min))
        #expect(USD.max * 2 == .max)
        #expect(USD.max * -2 == USD(picodollars: .min))
    }

    @Test(arguments: [
        ("0.15", "$0.15"), ("0.086", "$0.086"), ("0.0012", "$0.0012"), ("12.345", "$12.35"), ("0", "$0.00"),
        ("0.000087", "$0.000087"), ("1", "$1.00"), ("-0.5", "-$0.50"), ("0.01", "$0.01"), ("0.0099", "$0.0099"),
        ("0.1", "$0.10"), ("0.000000000001", "$0.000000000001"),
    ])
    func `amounts are shown with as many digits as they need`(text: String, shown: String) {
        #expect(USD(decimal: text)?.description == shown)
    }

    @Test(arguments: [
        "18446744073709551615.5", "18446744073709551614.5", "9223372036854775807.5", "-9223372036854775807.5",
        "18446744.0737095516155", "9223372.0368547758075", "1e400",
    ])
    func `numbers at the end of what can be reckoned are no numbers, and never a crash`(text: String) {
        for places in [0, 12] {
            for roundsUp in [true, false] {
                _ = DecimalText.scaled(Array(text.utf8), by: places, roundingUp: roundsUp)
            }
        }
        #expect(DecimalText.scaled(Array("18446744073709551615.5".utf8), by: 0, roundingUp: true) == nil)
        let line = #"{"type":"error","code":\#(text),"usage":{"prompt_tokens":\#(text),"cost":\#(text)}}"#
        var state = TrialState()
        if case .event(let type, let fields) = AgentLine(bytes: Array(line.utf8)[...]) {
            state.apply(
                Event(timestamp: Timestamp(seconds: 1), elapsed: .zero, source: .agent, type: type, fields: fields))
        }
        #expect(state.errors == 1)
    }

    @Test func `decimal text round-trips`() {
        for picodollars: Int64 in [0, 1, -1, 7_500, 150_000_000_000, .max, -.max] {
            let amount = USD(picodollars: picodollars)
            #expect(USD(decimal: amount.decimalText) == amount)
        }
    }

    @Test func `shares are exact and do not overflow`() {
        #expect(USD(cents: 8).permille(of: USD(cents: 15)) == 533)
        #expect(USD.max.permille(of: USD(picodollars: 1)) == 1000)
        #expect(USD.max.permille(of: .max) == 1000)
        #expect(USD(cents: 100).share(permille: 250) == USD(cents: 25))
        #expect(USD.max.share(permille: 1000) == .max)
        #expect(USD(cents: 1).permille(of: .zero) == 0)
    }
}
