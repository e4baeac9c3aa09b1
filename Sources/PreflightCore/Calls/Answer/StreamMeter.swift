/// Passes a stream of server-sent events on, byte for byte, and learns from a copy what it says.
///
/// Input may be split anywhere. What an event says is known once its blank line has come. Whoever looks at the meter
/// after each `feed` sees the first content, running counts and the end in time to act on them.
package struct StreamMeter: Sendable {
    package private(set) var facts: AnswerFacts
    /// An event was too large to be read; it was passed on all the same.
    package private(set) var hasOversizedEvent = false
    /// The `response` that OpenAI's responses began with, as JSON text; nil if it is larger than 256 KiB.
    package private(set) var startedResponse: [UInt8]?

    private let withholdsUsageChunk: Bool
    private var splitter: EventSplitter
    /// Bytes of the event under way that were not passed on yet.
    private var held: [UInt8] = []
    private var passage = Passage.open
    private var unfinished: UnfinishedEvent?

    private enum Passage { case open, untilBoundary, closed }

    /// The largest event that is read.
    package static let largestEvent = 16 << 20
    private static let largestStartedResponse = 256 << 10

    /// - Parameter withholdsUsageChunk: drop the chunk with usage and no choices, which came only because the option
    ///   was added to the request of a caller who had not asked. Events are then held until they are complete.
    package init(dialect: Dialect, withholdsUsageChunk: Bool = false, largestEvent: Int = Self.largestEvent) {
        facts = AnswerFacts(dialect: dialect)
        self.withholdsUsageChunk = withholdsUsageChunk
        splitter = EventSplitter(limit: largestEvent)
    }

    /// Takes the next bytes of the decoded body, and hands on what the caller is to get of them, in order.
    package mutating func feed(_ bytes: UnsafeRawBufferPointer, forward: (UnsafeRawBufferPointer) -> Void) {
        guard !bytes.isEmpty else { return }
        if passage == .open, !withholdsUsageChunk {
            forward(bytes)
            var position = 0
            while let event = splitter.next(in: bytes, at: &position) { _ = learn(event, bytes) }
        } else if withholdsUsageChunk {
            feedHolding(bytes, forward)
        } else {
            feedClosing(bytes, forward)
        }
    }

    /// The upstream's body has ended: a last event without its blank line is read, and handed on if it was held.
    package mutating func finish(forward: (UnsafeRawBufferPointer) -> Void) {
        let last = partialEvent
        guard let event = splitter.finish() else { return }
        let isUsageOnly = learn(event, UnsafeRawBufferPointer(start: nil, count: 0))
        if held.isEmpty {
            // Passed on as it came, unless nothing was to be passed on any more.
            if passage != .closed { unfinished = last }
        } else if !isUsageOnly {
            held.withUnsafeBytes(forward)
            unfinished = last
        }
        held = []
        passage = .closed
    }
}

// MARK: - Ending early

extension StreamMeter {
    /// Nothing of a further event is to be handed on. An event of which a part was handed on is handed on to its end;
    /// `endsAtEventBoundary` tells when that has come. Feeding may go on all the same, to learn the usage.
    package mutating func stop() {
        if withholdsUsageChunk, !held.isEmpty || !splitter.isInEvent {
            held = []
            passage = .closed
        } else {
            passage = splitter.isInEvent ? .untilBoundary : .closed
        }
    }

    /// Nothing of an event was handed on without its end, so another event may follow.
    package var endsAtEventBoundary: Bool { unfinishedEvent == nil }

    /// The part of an event that was handed on without its end.
    package var unfinishedEvent: UnfinishedEvent? {
        if let unfinished { return unfinished }
        return passage != .closed && held.isEmpty ? partialEvent : nil
    }

    /// As it would be once the caller has got these bytes, which end the event under way.
    func reading(_ end: [UInt8]) -> StreamMeter {
        var meter = self
        // After `finish` the event has been read already.
        guard unfinished == nil else { return meter }
        end.withUnsafeBytes { end in
            var position = 0
            while let event = meter.splitter.next(in: end, at: &position) { _ = meter.learn(event, end) }
        }
        return meter
    }

    private var partialEvent: UnfinishedEvent? {
        guard splitter.isInEvent else { return nil }
        return UnfinishedEvent(
            data: splitter.hasData ? splitter.data : nil, line: splitter.line, isKnown: !splitter.isOversized)
    }
}

// MARK: - The ways through

extension StreamMeter {
    /// Only up to the end of the event that was under way when `stop` was called.
    private mutating func feedClosing(_ bytes: UnsafeRawBufferPointer, _ forward: (UnsafeRawBufferPointer) -> Void) {
        var position = 0
        while let event = splitter.next(in: bytes, at: &position) {
            _ = learn(event, bytes)
            guard passage == .untilBoundary else { continue }
            forward(UnsafeRawBufferPointer(rebasing: bytes[..<position]))
            passage = .closed
        }
        if passage == .untilBoundary { forward(bytes) }
    }

    /// Whole events only, but for those that are too large to be held.
    private mutating func feedHolding(_ bytes: UnsafeRawBufferPointer, _ forward: (UnsafeRawBufferPointer) -> Void) {
        func pass(_ range: Range<Int>) {
            if !range.isEmpty { forward(UnsafeRawBufferPointer(rebasing: bytes[range])) }
        }
        var position = 0
        // What lies between was read and is to be handed on.
        var begin = 0
        var boundary = 0
        while let event = splitter.next(in: bytes, at: &position) {
            let isUsageOnly = learn(event, bytes)
            if passage == .closed {
                begin = position
            } else if isUsageOnly {
                pass(begin..<boundary)
                begin = position
            } else if !held.isEmpty {
                held.withUnsafeBytes(forward)
            }
            held.removeAll(keepingCapacity: true)
            boundary = position
            if passage == .untilBoundary {
                pass(begin..<boundary)
                begin = position
                passage = .closed
            }
        }
        pass(begin..<boundary)
        guard passage != .closed else { return }
        let rest = boundary..<bytes.count
        if splitter.isOversized {
            if !held.isEmpty { held.withUnsafeBytes(forward) }
            held = []
            pass(rest)
        } else {
            held.append(contentsOf: bytes[rest])
        }
    }

    /// Reads the event; answers whether it is one that brings usage and nothing else.
    @inline(__always)
    private mutating func learn(_ event: EventSplitter.Event, _ bytes: UnsafeRawBufferPointer) -> Bool {
        switch event {
        case .inPlace(let range): return read(UnsafeRawBufferPointer(rebasing: bytes[range]))
        case .joined(let data): return data.withUnsafeBytes { read($0) }
        case .empty: break
        case .oversized: hasOversizedEvent = true
        }
        return false
    }

    @inline(__always)
    private mutating func read(_ data: UnsafeRawBufferPointer) -> Bool {
        var scanner = AnswerScanner(data)
        if scanner.cursor.peek() == UInt8(ascii: "[") {
            if Self.isDone(data) {
                facts.isFinished = true
                if facts.usage != nil, facts.dialect != .messages, !hasOversizedEvent { facts.usageIsFinal = true }
            }
            return false
        }
        scanner.read(into: &facts)
        if let range = scanner.response, !facts.isFinished, range.count <= Self.largestStartedResponse {
            startedResponse = [UInt8](data[range])
        }
        return scanner.isUsageOnly
    }

    private static func isDone(_ data: UnsafeRawBufferPointer) -> Bool {
        data.drop { $0 == 0x20 || $0 == 0x09 }.prefix(6).elementsEqual("[DONE]".utf8)
    }
}
