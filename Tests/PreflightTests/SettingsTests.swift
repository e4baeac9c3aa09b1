import PreflightCore
import Testing

@testable import Preflight

@Suite struct SettingsTests {
    @Test(arguments: [
        ("A=1\nexport B = 'x y' # why\n\n# C=3\nD=a b # c", ["A": "1", "B": "x y", "D": "a b"]),
        ("A=1\r\nB=\"2\"\r\n", ["A": "1", "B": "2"]),
        ("K=\"--BEGIN--\nab=cd\n\n--END--\" # mine\nB=2", ["K": "--BEGIN--\nab=cd\n\n--END--", "B": "2"]),
        ("K='one\ntwo'\nB=2", ["K": "one\ntwo", "B": "2"]),
        // Nothing ends it: the quote is a part of the value.
        ("A=\"1\nB=2", ["A": "\"1", "B": "2"]),
    ])
    func `values of .env are read as shells read them`(text: String, values: [String: String]) throws {
        #expect(try Settings.parse(Array(text.utf8)) == values)
    }

    @Test func `a line that is none is named by its number, and not shown`() {
        let error = #expect(throws: PreflightError.self) {
            try Settings.parse(Array("K=\"a\nb\"\nsk-secret\n".utf8))
        }
        #expect(error?.message == ".env:3: expected NAME=value")
    }
}
