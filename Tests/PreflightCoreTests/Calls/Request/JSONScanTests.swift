import PreflightCore
import TestSupport
import Testing

@Suite struct JSONScanTests {
    private func scan(_ text: String) throws -> JSONScan { try JSONScan.read(Array(text.utf8)) }

    @Test func `the members of the top-level object are found with their ranges and kinds`() throws {
        let text = #" { "a" : [1, {"b": "]"}] ,"mod\u0065l":"x\"y", "n":-1.5e3,"t":true,"z":null,"o":{} } "#
        let scan = try scan(text)
        let bytes = Array(text.utf8)
        #expect(scan.members.map(\.kind) == [.array, .string, .number, .bool, .null, .object])
        #expect(
            scan.members.map { String(decoding: bytes[$0.value], as: UTF8.self) } == [
                #"[1, {"b": "]"}]"#, #""x\"y""#, "-1.5e3", "true", "null", "{}",
            ])
        #expect(scan.members.map(\.key.isEscaped) == [false, true, false, false, false, false])
        #expect(scan.object == 1..<(bytes.count - 1))
        #expect(try self.scan("{}").members.isEmpty)
    }

    @Test(arguments: [
        "", " ", "[]", "1", "\"a\"", "{", "}", "{\"a\":1", "{\"a\":1,}", "{,}", "{\"a\" 1}", "{a:1}", "{\"a\":01}",
        "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}", "{\"a\":1e}", "{\"a\":-}", "{\"a\":tru}", "{\"a\":True}",
        "{\"a\":NaN}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"b}", "{\"a\":\"\n\"}", "{\"a\":[1 2]}",
        "{\"a\":[1,]}", "{\"a\":[1}}", "{\"a\":{]}", "{} {}", "{}x", "\u{FEFF}{}", "{\"a\":1}\0", "{'a':1}",
        "{\"a\":1/**/}", "{\"a\"::1}", "{\"a\":1,,\"b\":2}", "{\"a\":}",
    ])
    func `what is no JSON object is refused`(text: String) {
        #expect(throws: JSONScan.Failure.self) { try scan(text) }
    }

    @Test func `bytes that are no UTF-8 are refused, since parsers read them differently`() {
        let wrong: [[UInt8]] = [
            [0xFF], [0xC1, 0xAF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3],
            [0xE4, 0xBA],
            [0xF0, 0x9F, 0x98], [0x80],
        ]
        for bytes in wrong {
            #expect(throws: JSONScan.Failure.self, "\(bytes)") {
                try JSONScan.read(Array("{\"a\":\"".utf8) + bytes + Array("\"}".utf8))
            }
        }
    }

    @Test func `nesting is bounded just as in the parser`() throws {
        for depth in [1, 64, 65, 66, 125, 126, 127, 128, 129, 200] {
            for (open, close, inner) in [("[", "]", ""), ("[", "]", "1"), ("{\"k\":", "}", "0")] {
                let text =
                    "{\"a\":" + String(repeating: open, count: depth) + inner
                    + String(repeating: close, count: depth) + "}"
                let parses = (try? JSON.parse(text)) != nil
                #expect(((try? scan(text)) != nil) == parses, "\(depth) \(open)\(inner)")
            }
        }
        #expect(throws: JSONScan.Failure.self) { try scan("{\"a\":" + String(repeating: "[", count: 1_000_000)) }
    }

    @Test func `strings end where they end, at every distance from a word's border`() throws {
        for length in 0..<40 {
            for filling in ["a", "é", "😀", #"\n"#, #"\u00e9"#] {
                let text = "{\"k\":\"" + String(repeating: "x", count: length) + filling + "y\",\"l\":1}"
                let scan = try scan(text)
                #expect(scan.members.count == 2)
                #expect(try JSON.parse(Array(text.utf8)[scan.members[0].value]) == JSON.parse(text)["k"])
            }
            #expect(throws: JSONScan.Failure.self) {
                try scan("{\"k\":\"" + String(repeating: "x", count: length) + "\u{1F}\"}")
            }
        }
    }

    @Test func `random objects are scanned as they are parsed`() throws {
        var generator = JSONGenerator(seed: 7)
        for _ in 0..<3_000 {
            let keys = (0..<Int.random(in: 0..<6, using: &generator.chance)).map { _ in generator.string() }
            let text = generator.blanks() + generator.object(keys: keys) + generator.blanks()
            let bytes = Array(text.utf8)
            let parsed = try #require(try JSON.parse(bytes).object)
            let scan = try scan(text)
            #expect(scan.members.count == parsed.members.count)
            for (member, expected) in zip(scan.members, parsed.members) {
                #expect(try JSON.parse(bytes[member.value]) == expected.value)
                let quoted = bytes[(member.key.range.lowerBound - 1)..<(member.key.range.upperBound + 1)]
                #expect(try JSON.parse(quoted).string == expected.key)
            }
        }
    }

    /// A scan is never more lenient than the parser, and stricter only about UTF-8.
    @Test func `damaged objects never crash the scan, and are taken only where the parser takes them`() throws {
        var generator = JSONGenerator(seed: 11)
        for _ in 0..<4_000 {
            var bytes = Array(generator.object(keys: ["\"a\"", "\"b\"", "\"c\""]).utf8)
            switch Int.random(in: 0..<3, using: &generator.chance) {
            case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &generator.chance))
            case 1:
                bytes[Int.random(in: 0..<bytes.count, using: &generator.chance)] =
                    UInt8.random(in: 0...255, using: &generator.chance)
            default: bytes.swapAt(0, Int.random(in: 0..<bytes.count, using: &generator.chance))
            }
            let scanned = (try? JSONScan.read(bytes)) != nil
            let parsed = (try? JSON.parse(bytes))?.object != nil
            let isText = String(validating: bytes, as: UTF8.self) != nil
            #expect(scanned == (parsed && isText), "\(String(decoding: bytes, as: UTF8.self))")
        }
    }
}
