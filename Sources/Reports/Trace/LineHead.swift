import PreflightCore

/// What every line of an event log begins with, read without reading the rest: most lines of a long log need no more.
struct LineHead: Equatable {
    /// Since the trial began.
    var elapsed: Duration
    var source: Event.Source
    var type: String

    /// Nil for a line that Preflight did not write.
    init?(_ line: UnsafeRawBufferPointer) {
        var rest = line[...]
        func skip(_ text: StaticString) -> Bool {
            let text = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
            guard rest.count >= text.count, zip(rest, text).allSatisfy({ $0 == $1 }) else { return false }
            rest = rest.dropFirst(text.count)
            return true
        }
        func word() -> Slice<UnsafeRawBufferPointer> {
            let word = rest.prefix { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
            rest = rest.dropFirst(word.count)
            return word
        }
        guard skip("{\"timestamp\":\"") else { return nil }
        _ = word()
        guard skip("\",\"elapsed_s\":") else { return nil }
        let number = rest.prefix { $0 != UInt8(ascii: ",") }
        rest = rest.dropFirst(number.count)
        guard skip(",\"source\":\"") else { return nil }
        let source = word()
        guard skip("\",\"type\":\"") else { return nil }
        let type = word()
        guard skip("\""), let elapsed = Duration(decimalSeconds: String(decoding: number, as: UTF8.self)),
            let source = Event.Source(rawValue: String(decoding: source, as: UTF8.self))
        else { return nil }
        self.elapsed = elapsed
        self.source = source
        self.type = String(decoding: type, as: UTF8.self)
    }
}
