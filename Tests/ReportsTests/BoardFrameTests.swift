import PreflightCore
import Reports
import TestSupport
import Testing

@Suite struct BoardFrameTests {
    @Test func `a wide terminal shows everything of each trial, what has ended below`() {
        #expect(
            BoardFixture.text(BoardFixture.view(quit: "ends this"), 132, 14) == """
                run-20260312-120000  12m34s
                $0.078 of $0.30 (budgets)  ━━━━━━━━━━━━━━━━━━━──────────────────────────────────────────────────────  26%  $0.012/min  cap in 18m27s

                alias    state     does                    turns  tokens               spent          cache    idle  nearest to stop it
                looper   running   bash 3s                    12   42.3k     $0.031 of $0.05 ━━━━───    73%      3s   50% 2 of 4 times the same call
                thinker  running   call 2m11s                 12   42.3k     $0.047 of $0.05 ━━━━━━─    73%   2m11s   94% $0.047 of $0.05 spent
                stuck    running   waits 41s                  12   42.3k      $0.00 of $0.05 ───────    73%          waits: 503 of the provider
                later    pending                                                      $0.00 of $0.05
                quick    DONE      after 1m02s                 4            $0.0004 of $0.05 ━──────                 score 0.75
                silent   EJECTED   after 5m00s                 0              $0.00 of $0.05 ───────                 idle: silent for 5m00s



                3 under way, 1 to come, 2 ended: 1 DONE 1 EJECTED                                                                        q ends this
                """)
    }

    @Test func `at eighty columns what matters stays`() {
        #expect(
            BoardFixture.text(BoardFixture.view(notes: ["the journal is late"]), 80, 12) == """
                run-20260312-120000  12m34s
                $0.078 of $0.30 (budgets)  ━━━━━────────────────  26%  $0.012/min  cap in 18m27s

                alias   state    does            turns            spent  idle nearest to stop it
                looper  running  bash 3s            12  $0.031 of $0.05    3s  50% 2 of 4 times…
                thinker running  call 2m11s         12  $0.047 of $0.05 2m11s  94% $0.047 of $0…
                stuck   running  waits 41s          12   $0.00 of $0.05       waits: 503 of the…
                later   pending                          $0.00 of $0.05
                quick   DONE     after 1m02s         4 $0.0004 of $0.05       score 0.75
                silent  EJECTED  after 5m00s         0   $0.00 of $0.05       idle: silent for …
                the journal is late
                3 under way, 1 to come, 2 ended: 1 DONE 1 EJECTED
                """)
    }

    @Test func `a very small terminal still says how the run stands`() {
        #expect(
            BoardFixture.text(BoardFixture.view(), 40, 5) == """
                run-20260312-120000  12m34s
                $0.078 of $0.30 (budgets)    26%  $0.01…
                looper  running  $0.031 of $0.05
                thinker running  $0.047 of $0.05
                3 under way, 1 to come, 2 end…  1-2 of 6
                """)
    }

    @Test(arguments: [1, 2, 7, 19, 20, 33, 40, 41, 60, 79, 80, 99, 100, 119, 120, 200, 400], [1, 2, 4, 6, 10, 24, 60])
    func `every frame has the terminal's lines, and none is wider than it`(columns: Int, rows: Int) {
        let odd = [
            BoardFixture.running("模型-模型-模型-模型", "📖 read\u{1B}[2J\u{7}", 7),
            BoardFixture.running("e\u{301}\u{200B}👩‍👩‍👧‍👦👍🏽", "bash\n\r\tx", 3), BoardFixture.running("", "", 0),
        ]
        let view = BoardFixture.view(
            BoardFixture.trials + odd, notes: ["\u{1B}]0;title\u{7} 全角の注意", "second", "third", "fourth"], quit: "q")
        let lines = BoardFrame.lines(view, size: .init(columns: columns, rows: rows))
        #expect(lines.count == rows)
        for line in lines {
            #expect(line.width <= columns, "\(line.text)")
            #expect(!line.text.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) })
        }
    }

    @Test func `two hundred trials scroll, and never past their end`() {
        let trials = (1...200).map { BoardFixture.running("trial-\($0)", "bash", 1) }
        let view = BoardFixture.view(trials, quit: "ends this")
        let size = BoardFrame.Size(columns: 100, rows: 24)
        let visible = BoardFrame.visibleRows(view, size: size)
        var scroll = BoardScroll()
        func shown() -> (first: String, last: String, status: String) {
            let lines = BoardFrame.lines(view, size: size, scroll: scroll).map(\.text)
            let rows = lines.filter { $0.hasPrefix("trial-") }.map { String($0.prefix { $0 != " " }) }
            return (rows.first ?? "", rows.last ?? "", lines.last ?? "")
        }
        #expect(visible == 19)
        #expect(shown().first == "trial-1" && shown().last == "trial-19")
        #expect(shown().status.hasSuffix("1-19 of 200 ↑↓  q ends this"))
        for key in BoardKey.read("\u{1B}[6~j\u{1B}[B".utf8) { scroll.take(key, rows: 200, visible: visible) }
        #expect(shown().first == "trial-21")
        scroll.take(.end, rows: 200, visible: visible)
        scroll.take(.down, rows: 200, visible: visible)
        #expect(shown().first == "trial-182" && shown().last == "trial-200")
        scroll.take(.pageUp, rows: 200, visible: visible)
        #expect(shown().first == "trial-164")
        for _ in 0..<20 { scroll.take(.pageUp, rows: 200, visible: visible) }
        #expect(shown().first == "trial-1")
        // The field has shrunk, or the terminal has grown, since the last key.
        scroll.take(.end, rows: 200, visible: visible)
        let few = BoardFixture.view(Array(trials.prefix(3)))
        #expect(BoardFrame.lines(few, size: size, scroll: scroll).contains { $0.text.hasPrefix("trial-1 ") })
    }

    @Test func `looks say what needs a look`() throws {
        let lines = BoardFrame.lines(BoardFixture.view(), size: .init(columns: 132, rows: 14))
        func styles(_ alias: String) throws -> Set<BoardLine.Style> {
            Set(try #require(lines.first { $0.text.hasPrefix(alias) }).spans.map(\.style))
        }
        #expect(try styles("stuck").contains(.warning))
        #expect(try styles("thinker").contains(.warning))
        #expect(try !styles("looper").contains(.warning))
        #expect(try styles("silent").contains(.bad))
        #expect(
            try styles("quick").isSuperset(of: [.dim, .good]) && styles("quick").isDisjoint(with: [.warning, .bad]))
        #expect(lines.allSatisfy { !$0.terminalText(isColoured: false).contains("\u{1B}") })
        #expect(lines.contains { $0.terminalText(isColoured: true).contains("\u{1B}[33m") })
    }

    @Test func `a run that is over, or that nobody watches, says so`() {
        var view = BoardFixture.view(Array(BoardFixture.trials.prefix(1)))
        view.endedAt = BoardFixture.start + .seconds(70)
        #expect(BoardFixture.text(view, 80, 5).hasPrefix("run-20260312-120000  1m10s  ended\n"))
        view = BoardFixture.view()
        view.run.isAlive = false
        #expect(BoardFixture.text(view, 80, 5).hasPrefix("run-20260312-120000  12m34s  nobody watches\n"))
        view.run.isAlive = true
        view.run.silentFor = .seconds(44)
        #expect(BoardFixture.text(view, 80, 5).hasPrefix("run-20260312-120000  12m34s  not heard of for 44s\n"))
    }
}
