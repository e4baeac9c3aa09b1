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
}
