import PreflightCore
import TestSupport
import Testing

@Suite struct JSONTests {
    @Test func `numbers keep their text`() throws {
        let json = try JSON.parse(#"{"cost": 0.0004970133333333333, "n": 3e2, "f": 3.0}"#)
        #expect(json["cost"]?.numberText == "0.0004970133333333333")
        #expect(json["n"]?.int == 300)
        #expect(json["f"]?.int == 3)
        #expect(json["cost"]?.int == nil)
    }

    @Test func `the last of two equal keys counts`() throws {
        #expect(try JSON.parse(#"{"a": 1, "a": 2}"#)["a"]?.int == 2)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\" 1}", "01", "1.", "-", "tru", "\"\\x\"", "\"a", "{\"a\":1,}", "[1] 2", "nul",
        "\"\u{01}\"", "{1:2}", "+1", "\"\\u12\"",
    ])
    func `what is no JSON is refused with an offset`(text: String) {
        #expect(throws: JSON.ParsingError.self) { try JSON.parse(text) }
    }

    @Test func `nesting is bounded`() throws {
        #expect(throws: JSON.ParsingError.self) { try JSON.parse(String(repeating: "[", count: 100_000)) }
        let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        #expect(throws: Never.self) { try JSON.parse(deep) }
    }

    @Test func `escapes, pairs and lone surrogates are read`() throws {
        #expect(try JSON.parse(#""a\n\"\\\/\u00e9\ud83d\ude00""#).string == "a\n\"\\/é😀")
        #expect(try JSON.parse(#""\ud83dx""#).string == "\u{FFFD}x")
        #expect(try JSON.parse(#""\ud83d\u0041""#).string == "\u{FFFD}A")
    }

    @Test func `bytes that are no UTF-8 become replacement characters`() throws {
        #expect(try JSON.parse([0x22, 0xFF, 0x22]).string == "\u{FFFD}")
    }

    @Test func `written text is read back the same`() throws {
        let json: JSON = ["text": "a\"\\\n\u{01}\u{7F}é😀", "list": [1, true, .null], "empty": [:], "none": []]
        #expect(try JSON.parse(json.text) == json)
        #expect(try JSON.parse(json.prettyText) == json)
        #expect(!json.text.contains("\n"))
    }

    @Test func `every captured JSON answer is read and written back`() throws {
        let files = try TestData.captures().filter { $0.hasSuffix(".json") }
        #expect(files.count > 40)
        for file in files {
            let json = try TestData.json("captures/openrouter/\(file)")
            #expect(try JSON.parse(json.text) == json, "\(file)")
        }
    }

    /// Any cut, and any changed byte, gives an error or a value: never a crash.
    @Test func `damaged answers never crash the reader`() throws {
        let bytes = try TestData.bytes("captures/openrouter/usage-1.response.json")
        for end in stride(from: 0, to: bytes.count, by: 7) { _ = try? JSON.parse(bytes[..<end]) }
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            var damaged = bytes
            damaged[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            _ = try? JSON.parse(damaged)
        }
    }
}
