import PreflightCore
import Reports
import TestSupport
import Testing

@Suite struct BoardPartTests {
    @Test(arguments: [
        ("abc", 3), ("模型", 4), ("e\u{301}", 1), ("👍", 2), ("🇩🇪", 2), ("a\u{200B}b", 2), ("─…·━", 4), ("ｶﾞ", 2),
        ("ﾊﾝ", 2), ("Ａ", 2), ("한글", 4), ("\u{1112}\u{1161}\u{11AB}", 2), ("कि", 2), ("", 0),
    ])
    func `a clean text has the columns of a terminal`(text: String, columns: Int) {
        #expect(CellText.width(CellText.clean(text)) == columns)
    }

    @Test func `cleaning leaves nothing that moves a cursor, and one sign of those that are joined`() {
        #expect(CellText.clean("a\u{1B}[2Jb\nc\u{202E}d") == "a [2Jb c d")
        #expect(CellText.clean("👩‍👩‍👧") == "👩" && CellText.clean("👍🏽!") == "👍!" && CellText.clean("🇩🇪") == "DE")
        #expect(CellText.cut("模型模型", to: 5) == "模型…" && CellText.width(CellText.fit("模型模型", to: 4)) == 4)
        #expect(CellText.cut("abc", to: 0) == "" && CellText.fit("ab", to: 4, right: true) == "  ab")
    }

    @Test func `a frame that follows another writes the lines that changed`() {
        var patch = BoardPatch(isColoured: false)
        func lines(_ texts: String...) -> [BoardLine] { texts.map { BoardLine($0) } }
        #expect(patch.text(to: lines("a", "", "c")) == "\u{1B}[2J\u{1B}[1;1Ha\u{1B}[K\u{1B}[3;1Hc\u{1B}[K")
        #expect(patch.text(to: lines("a", "", "c")) == "")
        #expect(patch.text(to: lines("a", "b", "c")) == "\u{1B}[2;1Hb\u{1B}[K")
        #expect(patch.text(to: lines("a")) == "\u{1B}[2;1H\u{1B}[K\u{1B}[3;1H\u{1B}[K")
        patch.forget()
        #expect(patch.text(to: lines("a")) == "\u{1B}[2J\u{1B}[1;1Ha\u{1B}[K")
    }

    @Test func `keys are read as terminals send them, whatever stands between`() {
        #expect(
            BoardKey.read("\u{1B}[A\u{1B}[B\u{1B}OA\u{1B}[5~\u{1B}[6~\u{1B}[H\u{1B}[4~q".utf8)
                == [.up, .down, .up, .pageUp, .pageDown, .home, .end, .quit])
        #expect(BoardKey.read("xyz\u{1B}[1;5C\u{1B}\u{1B}[200~é".utf8) == [])
        #expect(BoardKey.read(" bgGjk".utf8) == [.pageDown, .pageUp, .home, .end, .down, .up])
        #expect(BoardKey.read("\u{1B}[1".utf8) == [])
    }

    @Test func `the burn is that of the last two minutes, and of the whole run until they are seen`() {
        let start = Timestamp(seconds: 0)
        var meter = BurnMeter()
        #expect(meter.perMinute(.zero, at: start, since: start) == nil)
        #expect(meter.perMinute(USD(cents: 10), at: start + .seconds(60), since: start) == USD(cents: 10))
        for second in 0...300 {
            // Two cents a minute at first, then six.
            let cents = second <= 120 ? second * 2 : 240 + (second - 120) * 6
            meter.note(USD(cents: Int64(cents)), at: start + .seconds(second))
        }
        #expect(meter.perMinute(USD(cents: 240 + 180 * 6), at: start + .seconds(300), since: start) == USD(cents: 360))
        meter.note(USD(cents: 5), at: start + .seconds(303))
        #expect(meter.perMinute(USD(cents: 5), at: start + .seconds(304), since: nil) == nil)
        #expect(BurnMeter.time(for: USD(cents: 30), at: USD(cents: 10)) == .seconds(180))
        #expect(BurnMeter.time(for: USD(cents: 30), at: .zero) == nil)
        #expect(meter.perMinute(USD(picodollars: .max), at: start + .seconds(320), since: nil) != nil)
    }

    @Test func `a bar shows the first cent, and is full only when all is gone`() {
        #expect(BoardMoney(spent: USD(cents: 1), cap: USD(cents: 10), name: "total").permille == 100)
        #expect(BoardMoney(spent: USD(cents: 11), cap: USD(cents: 10), name: "total").permille == 1000)
        #expect(BoardMoney(spent: .zero, cap: .zero, name: "total").permille == 0)
        func bar(_ cents: Int) -> String {
            let view = BoardFixture.view([BoardFixture.running("a", "x", 1, cost: Int64(cents) * 10_000)])
            let row = BoardFrame.lines(view, size: .init(columns: 140, rows: 12)).first { $0.text.hasPrefix("a ") }
            return String((row?.text ?? "").filter { "━─".contains($0) })
        }
        #expect(bar(0).allSatisfy { $0 == "─" } && bar(5).allSatisfy { $0 == "━" } && !bar(5).isEmpty)
    }

    @Test func `off a terminal a line tells what has changed, and nothing else`() {
        var changes = BoardChanges()
        var view = BoardFixture.view()
        #expect(
            changes.lines(view) == [
                "+12m34s run-20260312-120000: 6 trials, 3 under way, 2 ended, $0.078 of $0.30 spent",
                "+12m34s looper: running", "+12m34s thinker: running", "+12m34s stuck: running",
            ])
        view.now = view.now + .seconds(1)
        #expect(changes.lines(view) == [])
        view.run.trials[1].cost = USD(picodollars: 41_000_000_000)
        view.run.trials[1].snapshots = 1
        view.run.trials[2].outcome = .agentFailed
        view.run.trials[2].reason = "exit code 1\u{1B}[2J"
        view.run.trials[3].pause = nil
        view.run.trials[5].phase = .provisioning
        #expect(
            changes.lines(view) == [
                "+12m35s looper: snapshot 1", "+12m35s looper: $0.041 of $0.05",
                "+12m35s thinker: agent_failed, $0.047, exit code 1 [2J", "+12m35s stuck: waits no more",
                "+12m35s later: key",
            ])
        view.run.isAlive = false
        #expect(changes.lines(view) == ["+12m35s nobody watches it any more"])
    }

    @Test func `for programs every change is an object, and time alone is none`() throws {
        var changes = BoardChanges()
        var view = BoardFixture.view()
        let first = changes.objects(view)
        #expect(first.map { $0["type"]?.string } == ["run"] + Array(repeating: "trial", count: 6))
        #expect(
            first[0]["unfinished"] == 4 && first[0]["ended"] == false && first[0]["cap_usd"]?.usd() == USD(cents: 30))
        #expect(first[2]["doing"] == "bash" && first[2]["checkpoint"] == nil)
        view.now = view.now + .seconds(1)
        view.run.trials[1].runtime += .seconds(1)
        #expect(changes.objects(view) == [])
        view.run.trials[1].doing = "call"
        view.run.isAlive = false
        let next = changes.objects(view)
        #expect(next.count == 2 && next[0]["alive"] == false && next[1]["alias"] == "looper")
        #expect(next[1]["at"]?.string == view.now.iso8601)
    }

    @Test func `a picture holds each piece of text at its column`() {
        var line = BoardLine("模型 ", .strong)
        line.append("<a & b>")
        let svg = BoardPicture.svg([line, BoardLine()], columns: 20, title: "a \"board\"")
        #expect(svg.contains("x=\"14\" y=\"27.5\" textLength=\"42\"") && svg.contains("class=\"strong\">模型 </text>"))
        #expect(svg.contains("x=\"56\"") && svg.contains("&lt;a &amp; b&gt;") && svg.contains("a &quot;board&quot;"))
        #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
    }
}
