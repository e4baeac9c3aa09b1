import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct LinePagesTests {
    private func withFile(_ text: String, _ body: (LinePages) throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/lines"
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            try body(LinePages(path: path))
        }
    }

    private func texts(_ page: LinePages.Page) -> [String] {
        page.lines.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    @Test(arguments: [1, 2, 7, 1000]) func `pages in either direction give every line once`(size: Int) async throws {
        let lines = (0..<500).map { "line \($0) " + String(repeating: "x", count: $0 % 97 * 40) }
        try await withFile(lines.joined(separator: "\n") + "\n") { pages in
            var bounds = LinePages.Bounds()
            bounds.lines = size
            var forward: [String] = []
            var page = try pages.forward(from: 0, bounds: bounds)
            while !page.lines.isEmpty {
                forward += texts(page)
                page = try pages.forward(from: page.after, bounds: bounds)
            }
            #expect(forward == lines)
            var backward: [String] = []
            page = try pages.backward(bounds: bounds)
            while !page.lines.isEmpty {
                backward = texts(page) + backward
                page = try pages.backward(before: page.before, bounds: bounds)
            }
            #expect(backward == lines && page.isAtEnd)
        }
    }

    @Test func `a page begins behind the newest lines that the one before it showed`() async throws {
        try await withFile("a\nb\nc\n") { pages in
            var bounds = LinePages.Bounds()
            bounds.lines = 2
            let newest = try pages.backward(bounds: bounds)
            #expect(texts(newest) == ["b", "c"] && newest.after == 6 && newest.before == 2 && !newest.isAtEnd)
            #expect(texts(try pages.backward(before: newest.before, bounds: bounds)) == ["a"])
            #expect(try pages.forward(from: newest.after).lines.isEmpty)
        }
    }

    @Test func `a line that has no end yet is shown, and read again once it has one`() async throws {
        try await withFile("a\nhal") { pages in
            for page in [try pages.backward(), try pages.forward(from: 0)] {
                #expect(texts(page) == ["a", "hal"] && page.lines[1].isOpen && page.after == 2)
            }
            let file = try #require(FileHandle(forWritingAtPath: pages.path))
            try file.seekToEnd()
            try file.write(contentsOf: Data("f\nb\n".utf8))
            let next = try pages.forward(from: 2)
            #expect(texts(next) == ["half", "b"] && next.lines[0].offset == 2 && !next.lines[0].isOpen)
        }
    }

    @Test func `a search stops after so many bytes and goes on where it stopped`() async throws {
        let text = "needle 1\n" + String(repeating: "hay\n", count: 1_000_000) + "needle 2\n"
        try await withFile(text) { pages in
            var bounds = LinePages.Bounds()
            bounds.scanned = 1 << 20
            func isNeedle(_ line: UnsafeRawBufferPointer) -> Bool { line.first == UInt8(ascii: "n") }
            var page = try pages.backward(bounds: bounds, matching: isNeedle)
            #expect(texts(page) == ["needle 2"] && !page.isAtEnd)
            var found: [String] = []
            var rounds = 0
            while page.before > 0, rounds < 20 {
                page = try pages.backward(before: page.before, bounds: bounds, matching: isNeedle)
                found += texts(page)
                rounds += 1
            }
            #expect(found == ["needle 1"] && (3...5).contains(rounds))
        }
    }

    @Test func `a line without end is taken in pieces, and only so much of each is handed out`() async throws {
        try await withFile(String(repeating: "y", count: 3 << 20) + "\nend\n") { pages in
            var bounds = LinePages.Bounds()
            bounds.lineBytes = 10
            for page in [try pages.forward(from: 0, bounds: bounds), try pages.backward(bounds: bounds)] {
                #expect(page.lines.count == 4 && texts(page).last == "end")
                #expect(page.lines.dropLast().allSatisfy { $0.bytes.count == 10 && $0.isCut })
            }
        }
    }

    @Test func `a file that is missing has no lines`() throws {
        let pages = LinePages(path: "/nonexistent/lines")
        #expect(try pages.backward().lines.isEmpty && pages.forward(from: 5).isAtEnd)
        #expect(try pages.line(at: 0) == nil)
    }
}
