import Foundation

/// Reads lines of a file that may be large and may grow, a page at a time, forwards or backwards.
///
/// A page holds no more than its bounds allow, whatever the file is: long lines are cut, and a search that finds nothing
/// stops after so many bytes and says where it stopped.
package struct LinePages: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    package struct Bounds: Sendable {
        /// Lines of a page.
        package var lines = 200
        /// Bytes that are looked at for one page.
        package var scanned = 16 << 20
        /// Bytes of a line that are handed out; the rest is left out.
        package var lineBytes = 64 << 10

        package init() {}
    }

    package struct Line: Sendable, Equatable {
        /// Of its first byte in the file.
        package var offset: Int
        package var bytes: [UInt8]
        /// Its end was left out.
        package var isCut = false
        /// No newline ends it yet.
        package var isOpen = false
    }

    package struct Page: Sendable {
        /// In the file's order.
        package var lines: [Line] = []
        /// From where pages before this one are read backwards.
        package var before: Int
        /// From where pages after this one are read forwards.
        package var after: Int
        /// The file's beginning, or its end as it is now, was reached.
        package var isAtEnd = false
        /// Of the file, in bytes.
        package var size: Int
    }

    /// Lines longer than this are taken for several: nothing that long is held to find its end.
    private static let longest = 1 << 20
    private static let chunk = 256 << 10

    /// The next lines from `start` on, which is the offset of a line.
    ///
    /// - Throws: `PreflightError` when the file cannot be read; one that is missing has no lines.
    package func forward(
        from start: Int, bounds: Bounds = Bounds(), matching: (UnsafeRawBufferPointer) -> Bool = { _ in true }
    ) throws -> Page {
        guard Files.exists(path) else { return Page(before: 0, after: 0, isAtEnd: true, size: 0) }
        let file = try OpenFile(path: path, flags: O_RDONLY)
        let size = try length(file)
        let start = max(0, min(start, size))
        var page = Page(before: start, after: start, size: size)
        var pending: [UInt8] = []
        while page.lines.count < bounds.lines, page.after - start < bounds.scanned {
            let read = try bytes(file, at: page.after + pending.count, count: Self.chunk)
            pending += read
            let isEnd = read.isEmpty
            var taken = 0
            while page.lines.count < bounds.lines {
                let rest = pending[taken...]
                guard let length = lineLength(rest, isEnd: isEnd) else { break }
                let isOpen = length.newline == 0 && rest.count < Self.longest
                let line = rest.prefix(length.bytes)
                take(line, at: page.after, isOpen: isOpen, bounds, matching, into: &page.lines)
                // A line that has no end yet is read again once it has.
                if isOpen { break }
                taken += length.bytes + length.newline
                page.after += length.bytes + length.newline
            }
            pending.removeFirst(taken)
            if isEnd {
                page.isAtEnd = page.lines.count < bounds.lines || page.after == size
                break
            }
        }
        return page
    }

    /// The lines right before `end`, which is the offset of a line; nil for the newest.
    package func backward(
        before end: Int? = nil, bounds: Bounds = Bounds(), matching: (UnsafeRawBufferPointer) -> Bool = { _ in true }
    ) throws -> Page {
        guard Files.exists(path) else { return Page(before: 0, after: 0, isAtEnd: true, size: 0) }
        let file = try OpenFile(path: path, flags: O_RDONLY)
        let size = try length(file)
        let end = max(0, min(end ?? size, size))
        var page = Page(before: end, after: end, size: size)
        var found: [Line] = []
        // What lies from `base` to `page.before`: whole lines, but for its beginning.
        var pending: [UInt8] = []
        var base = end
        while found.count < bounds.lines, end - base < bounds.scanned, page.before > 0 {
            let step = min(Self.chunk, base)
            pending = try bytes(file, at: base - step, count: step) + pending
            base -= step
            while found.count < bounds.lines, !pending.isEmpty {
                let isOpen = page.before == size && pending.last != 0x0A
                let content = isOpen ? pending[...] : pending.dropLast()
                var start = content.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
                if start == 0, base > 0 {
                    guard pending.count >= Self.longest else { break }
                    start = pending.count - Self.longest
                }
                take(content[start...], at: base + start, isOpen: isOpen, bounds, matching, into: &found)
                if isOpen, page.after == size { page.after = base + start }
                page.before = base + start
                pending.removeSubrange(start...)
            }
        }
        page.lines = found.reversed()
        page.isAtEnd = page.before == 0
        return page
    }

    /// One line, up to `limit` bytes of it.
    package func line(at offset: Int, limit: Int = longest) throws -> Line? {
        var bounds = Bounds()
        bounds.lines = 1
        bounds.lineBytes = limit
        return try forward(from: offset, bounds: bounds).lines.first
    }

    private func take(
        _ line: ArraySlice<UInt8>, at offset: Int, isOpen: Bool, _ bounds: Bounds,
        _ matching: (UnsafeRawBufferPointer) -> Bool, into lines: inout [Line]
    ) {
        guard !line.isEmpty, line.withUnsafeBytes(matching) else { return }
        lines.append(
            Line(
                offset: offset, bytes: Array(line.prefix(bounds.lineBytes)), isCut: line.count > bounds.lineBytes,
                isOpen: isOpen))
    }

    /// How long the line at the beginning is, and the newline behind it; nil where more has to be read first.
    private func lineLength(_ bytes: ArraySlice<UInt8>, isEnd: Bool) -> (bytes: Int, newline: Int)? {
        let newline = bytes.withUnsafeBytes { buffer -> Int? in
            guard let base = buffer.baseAddress, let found = memchr(base, 0x0A, buffer.count) else { return nil }
            return UnsafeRawPointer(found) - base
        }
        if let newline { return (newline, 1) }
        if bytes.count >= Self.longest { return (Self.longest, 0) }
        return isEnd && !bytes.isEmpty ? (bytes.count, 0) : nil
    }

    private func length(_ file: OpenFile) throws -> Int {
        var status = stat()
        guard fstat(file.descriptor, &status) == 0 else { throw Files.failure("read", path) }
        return Int(status.st_size)
    }

    private func bytes(_ file: OpenFile, at offset: Int, count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                pread(
                    file.descriptor, buffer.baseAddress.map { $0 + filled }, count - filled, off_t(offset + filled))
            }
            if got < 0, errno == EINTR { continue }
            if got < 0 { throw Files.failure("read", path) }
            if got == 0 { break }
            filled += got
        }
        bytes.removeLast(count - filled)
        return bytes
    }
}
