import PreflightCore
import Store
import Testing

@testable import Reports

@Suite struct CSVTests {
    @Test func `outside words are one cell and no formula, whatever stands on top of their marks`() {
        #expect(CSV.field("plain") == "plain" && CSV.field("-1.5") == "-1.5")
        #expect(CSV.field("a,b") == "\"a,b\"" && CSV.field("a;b") == "\"a;b\"" && CSV.field("a\"b") == "\"a\"\"b\"")
        #expect(CSV.field("=1+1") == "'=1+1")
        for number in ["-5e-05", "-1.5E+10", "+2", "-0", "-5e-324"] { #expect(CSV.field(number) == number) }
        for text in ["-", "+", "-1-1", "-1+1", "-e5", "-5e", "-inf", "-nan", "-0x1p3", "+1 2", "-1.2.3", "@1"] {
            #expect(CSV.field(text) == "'" + text)
        }
        // A combining mark makes one letter of two scalars.
        #expect(CSV.field("a,\"\u{301},=X()").unicodeScalars.elementsEqual("\"a,\"\"\u{301},=X()\"".unicodeScalars))
        #expect(CSV.field("=\u{301}X()").unicodeScalars.first == "'")
        #expect(Markdown.escape("a|\u{301}b").unicodeScalars.elementsEqual("a\\|\u{301}b".unicodeScalars))
    }

    @Test func `a list of calls is written with the same care`() async throws {
        try await RecordFixture.with(["a"]) { fixture in
            let model = "=\u{301}X();\"\u{301}"
            let ledger = try Ledger(path: fixture.runs.journalPath, now: { RecordFixture.start })
            _ = try await ledger.reserve(
                BudgetAsk(base: USD(cents: 1), perOutputToken: .zero, wantedOutput: 1),
                scope: try await ledger.scope(named: "acme"), model: model)
            await ledger.close()
            let calls = try await LedgerReader(path: fixture.runs.journalPath).calls(limit: 10)
            let line = try #require(calls.first.map(CallRecord.csv))
            let cells = Array(line.utf8).split(separator: UInt8(ascii: ","))
            #expect(cells.contains { $0.elementsEqual(CSV.field(model).utf8) }, "\(line)")
            #expect(line.utf8.contains(UInt8(ascii: "'")))
        }
    }

    @Test(arguments: [
        ("see https://evil.example/x", "see https:&#8203;//evil.example/x"),
        ("at WWW.evil.example", "at WWW&#8203;.evil.example"), ("thanks @octocat", "thanks @&#8203;octocat"),
        ("a.b@evil.example", "a.b@&#8203;evil.example"), ("(@octo-cat)", "(@&#8203;octo-cat)"),
        // The sign by its reference is the sign to those who look for names.
        ("&#64;octocat", "\\&#64;octocat"),
        // Neither a link nor a mention, and copied from a page as it is.
        ("agent@sha256:def", "agent@sha256:def"), ("a@2: 3 @ 4", "a@2: 3 @ 4"), ("www", "www"), ("at 12:/", "at 12:/"),
    ])
    func `Markdown makes no link and no mention of outside words`(words: String, escaped: String) {
        #expect(Markdown.escape(words) == escaped)
    }
}
