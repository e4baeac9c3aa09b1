import Foundation
import PreflightCore
import Reports
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// Whether an XML parser reads it.
func isWellFormed(_ text: String) -> Bool {
    XMLParser(data: Data(text.utf8)).parse()
}

@Suite struct ChartTests {
    private func curve(_ points: [(Int, Int64)], cap: USD? = nil) -> SpendCurve {
        var curve = SpendCurve()
        for (seconds, cents) in points { curve.take(USD(cents: cents), at: .seconds(seconds)) }
        return curve
    }

    @Test(arguments: [
        ("0.05", ["$0", "$0.01", "$0.02", "$0.03", "$0.04", "$0.05"]), ("0.051", ["$0", "$0.02", "$0.04", "$0.06"]),
        ("12", ["$0", "$5", "$10", "$15"]), ("0.00007", ["$0", "$0.00002", "$0.00004", "$0.00006", "$0.00008"]),
        ("0.4", ["$0", "$0.10", "$0.20", "$0.30", "$0.40"]),
    ])
    func `money axes have round steps and reach their data`(most: String, labels: [String]) throws {
        let most = try #require(USD(decimal: most))
        let axis = ChartAxis.money(reaching: most)
        #expect(axis.ticks.map(\.label) == labels)
        #expect(axis.top >= most.picodollars)
    }

    @Test func `time axes have steps that clocks have, and end where the data ends`() {
        #expect(ChartAxis.time(reaching: .seconds(95)).ticks.map(\.label) == ["0", "30s", "1m", "1m30s"])
        #expect(ChartAxis.time(reaching: .seconds(7000)).ticks.map(\.label) == ["0", "30m", "1h", "1h30m"])
        #expect(ChartAxis.time(reaching: .zero).top == 1)
        #expect(ChartAxis.time(reaching: .seconds(1 << 40)).ticks.count <= 8)
    }

    @Test func `intervals lie on one axis with their estimates, whatever they are`() {
        func rows(_ estimate: Double, _ low: Double, _ high: Double) -> [IntervalChart.Row] {
            [
                .init(name: "a <&> b", estimate: estimate, interval: Interval(low, high), colour: 0),
                .init(name: "none", estimate: estimate, interval: nil, colour: 9),
            ]
        }
        let text = IntervalChart(rows(0.5, 0.25, 0.75), title: "share") { Decimals.text($0 * 100, places: 0) + "%" }
            .svg(id: "i").text
        #expect(isWellFormed(text) && text.contains("a &lt;&amp;&gt; b 50% (25% to 75%); none 50%."))
        // A plot of 984 units from 0 to 0.8.
        #expect(text.contains("M319.5 38H934.5") && text.contains(">60%</text>"))
        let odd: [(Double, Double, Double)] = [
            (0, 0, 0), (-3, -5, 2), (1e300, -1e300, 1e300), (.nan, .nan, .infinity),
        ]
        for (estimate, low, high) in odd {
            #expect(isWellFormed(IntervalChart(rows(estimate, low, high), title: "x") { "\($0)" }.svg(id: "i").text))
        }
    }

    @Test func `completion by spend goes level to the cap, and ends where the last was cut off`() {
        let seen = Endurance([.init(0.01, .completed), .init(0.02, .failed)])
        let cut = Endurance([.init(0.01, .completed), .init(0.02, .cutOff)])
        func path(_ endurance: Endurance) -> String {
            let chart = CompletionChart([.init(name: "m", endurance: endurance, colour: 0)], cap: USD(cents: 4))
            let text = chart.svg(id: "c").text
            #expect(isWellFormed(text) && text.contains("m 50%, half by $0.01."))
            return text.components(separatedBy: " d=\"").dropFirst().first?.components(separatedBy: "\"").first ?? ""
        }
        // A plot of 940 by 272 units, to $0.04.
        #expect(path(seen) == "M56 290H291V154H526V154H996")
        #expect(path(cut) == "M56 290H291V154H526")
    }

    @Test func `places lie on the line whatever the value`() {
        let axis = ChartAxis.money(reaching: .max)
        #expect(axis.place(.max, on: 1000) <= 1000)
        #expect(axis.place(-5, on: 1000) == 0)
        #expect(ChartAxis.number(reaching: 1000) { "\($0)" }.place(500, on: 1000) == 500)
    }

    @Test func `a curve of a million points keeps some hundred, its beginning and its end`() {
        var curve = SpendCurve(limit: 200)
        for step in 1...1_000_000 { curve.take(USD(picodollars: Int64(step)), at: .milliseconds(step)) }
        #expect(curve.points.count <= 200 && curve.points.count > 60)
        #expect(curve.points.first == .init(at: .milliseconds(1), spend: USD(picodollars: 1)))
        #expect(curve.points.last == .init(at: .milliseconds(1_000_000), spend: USD(picodollars: 1_000_000)))
        #expect(zip(curve.points, curve.points.dropFirst()).allSatisfy { $0.at < $1.at && $0.spend < $1.spend })
        #expect(curve.thinned(to: 20).points.count <= 21)
    }

    @Test func `spend goes up while a trial runs, and the last word may be less`() {
        var curve = curve([(1, 5), (2, 3), (3, 8)])
        #expect(curve.points.map(\.spend) == [USD(cents: 5), USD(cents: 8)])
        curve.settle(USD(cents: 6), at: .seconds(4))
        #expect(curve.spend == USD(cents: 6) && curve.peak == USD(cents: 8))
        #expect(curve.thinned(to: 8).spend == USD(cents: 6))
    }

    @Test func `the spend chart is well-formed, named for those who do not see it, and escapes names`() {
        let hostile = #"<script>alert("1")</script>&"#
        let lines = (0..<40).map {
            SpendChart.Line(
                name: $0 == 0 ? hostile : "trial \($0)", curve: curve([(1, Int64($0) + 1), (5, Int64($0) * 2 + 2)]),
                cap: USD(cents: 100), colour: $0)
        }
        let svg = SpendChart(lines).svg(id: "x").text
        #expect(isWellFormed(svg))
        #expect(!svg.contains("<script"))
        #expect(svg.contains(#"aria-labelledby="x-title x-desc""#) && svg.contains("<title id=\"x-title\">"))
        #expect(svg.contains("cap of each trial, $1.00"))
        // Only the dearest have a name beside them; all are drawn.
        #expect(svg.components(separatedBy: "<path").count == 41)
        #expect(isWellFormed(SpendChart([]).svg(id: "none").text))
    }

    @Test func `a cap far above all spend is left out, so that the lines can be seen`() {
        let chart = SpendChart([.init(name: "a", curve: curve([(1, 1)]), cap: USD(cents: 500), colour: 0)])
        #expect(!chart.svg(id: "x").text.contains("class=\"cap\""))
    }

    @Test func `the frontier holds those that none does better for less`() {
        func point(_ name: String, _ cents: Int64, _ score: Int64) -> ScatterChart.Point {
            .init(name: name, cost: USD(cents: cents), score: score, colour: 0)
        }
        let chart = ScatterChart([
            point("dear", 9, 900), point("cheap", 1, 300), point("worse", 2, 200), point("mid", 4, 700),
            point("same", 4, 700), point("best", 8, 950),
        ])
        #expect(chart.frontier.map(\.name) == ["cheap", "mid", "best"])
        #expect(isWellFormed(chart.svg(id: "x").text))
        #expect(
            ScatterChart.text(850) == "0.85" && ScatterChart.text(-12_000) == "-12" && ScatterChart.text(5) == "0.005")
    }
}

@Suite struct LatencyDigestTests {
    @Test func `percentiles are the nearest rank, exact for few and within one per cent for many`() throws {
        var digest = LatencyDigest()
        #expect(digest.quantile(permille: 500) == nil)
        for value in 1...100 { digest.take(.milliseconds(value)) }
        #expect(digest.quantile(permille: 500) == .milliseconds(50))
        #expect(digest.quantile(permille: 990) == .milliseconds(99))
        var long = LatencyDigest()
        for value in 1...10_000 { long.take(.milliseconds(value * 7)) }
        for (permille, exact) in [(500, 35_000), (900, 63_000), (990, 69_300)] {
            let found = try #require(long.quantile(permille: permille)).wholeMicroseconds / 1000
            #expect(found >= exact && found * 100 <= exact * 101, "\(permille): \(found)")
        }
        #expect(long.quantile(permille: 1000) == .milliseconds(70_000))
        // Of a few milliseconds, too.
        var short = LatencyDigest()
        for value in 1...10_000 { short.take(.microseconds(1000 + value)) }
        for (permille, exact) in [(10, 1100), (500, 6000), (990, 10_900)] {
            let found = try #require(short.quantile(permille: permille)).wholeMicroseconds
            #expect(found >= exact && found * 100 <= exact * 101, "\(permille): \(found)")
        }
        var endless = LatencyDigest()
        for _ in 0..<600 { endless.take(.microseconds(Int64.max)) }
        #expect(endless.quantile(permille: 500) == .microseconds(Int64.max))
        var exact = LatencyDigest()
        exact.take(.microseconds(1_500_400))
        #expect((exact + exact).quantile(permille: 990) == .microseconds(1_500_400))
        let both = digest + long
        #expect(both.count == 10_100 && both.longest == .milliseconds(70_000))
    }
}
