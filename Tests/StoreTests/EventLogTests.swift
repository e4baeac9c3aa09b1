import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

private func event(_ type: String, _ fields: JSON = [:], _ source: Event.Source = .agent, at seconds: Int = 1) -> Event
{
    Event(
        timestamp: Timestamp(seconds: 1_773_316_800), elapsed: .seconds(seconds), source: source, type: type,
        fields: fields.object ?? JSON.Object())
}

/// A trial's directory of its own.
private func withTrial(run: String = "run-1", _ body: (TrialDirectory) throws -> Void) async throws {
    try await withTemporaryDirectory { path in
        let trial = RunsDirectory(path: path).run(run).trial("llama")
        try trial.create()
        return try body(trial)
    }
}

private func write(_ count: Int, _ trial: TrialDirectory) throws -> LogMark {
    var log = try EventLog(trial)
    log.append(event("trial_started", ["alias": .string(trial.alias), "budget": 1], .harness))
    for number in 2...count {
        log.append(event("snapshot", ["label": .string("n\(number)")], at: number))
    }
    try log.flush()
    return log.mark
}

private func lines(_ trial: TrialDirectory) throws -> [[UInt8]] {
    try Files.read(trial.eventsPath).split(separator: 0x0A).map { Array($0) + [0x0A] }
}

private func fault(_ trial: TrialDirectory, _ mark: LogMark?, isFinal: Bool = true) throws -> LogFault? {
    let reader = EventLogReader(trial)
    return try reader.diagnose(reader.read(checkpoint: mark), mark: mark, isFinal: isFinal)
}

@Suite struct EventLogTests {
    @Test func `a line's link is what the documents say it is`() async throws {
        try await withTrial { trial in
            var log = try EventLog(trial)
            for _ in 0..<2 { log.append(event("snapshot", ["label": "a"])) }
            try log.flush()
            let text = String(decoding: try Files.read(trial.eventsPath), as: UTF8.self)
            let line =
                #"{"timestamp":"2026-03-12T12:00:00.000000Z","elapsed_s":1.000000,"source":"agent","type":"#
                + #""snapshot","label":"a","chain":""#
            // From hashlib.sha256 of Python.
            #expect(text == line + "59721ae465981c9d\"}\n" + line + "5cb56974129f29af\"}\n")
            #expect(log.mark.bytes == text.utf8.count && log.mark.lines == 2)
        }
    }

    @Test func `an agent cannot set the link of its line`() async throws {
        try await withTrial { trial in
            var log = try EventLog(trial)
            let line = Array(#"{"type":"snapshot","chain":"0000000000000000","label":"a"}"#.utf8)
            guard case .event(let type, let fields) = AgentLine(bytes: line[...]) else {
                Issue.record("it is an event")
                return
            }
            #expect(fields["chain"] == nil)
            log.append(event(type, .object(fields)))
            log.append(event("snapshot", ["chain": "0000000000000000"]))
            log.append(event("raw", ["line": #"{"a":"b","chain":"0000000000000000"}"#]))
            try log.flush()
            var read: [Event] = []
            let reading = try EventLogReader(trial).read { read.append($0) }
            #expect(reading.fault == nil && reading.mark == log.mark)
            #expect(read.map { $0.fields["chain"] } == [nil, nil, nil])
            #expect(!String(decoding: try Files.read(trial.eventsPath), as: UTF8.self).contains(#","chain":"000"#))
        }
    }

    @Test func `wherever a log was cut, no whole line is lost, no torn one is kept, and nothing is thrown away`()
        async throws
    {
        try await withTrial { trial in
            _ = try write(4, trial)
            let whole = try Files.read(trial.eventsPath)
            for end in 0...whole.count {
                Files.remove(trial.tornPath)
                try Files.replace(trial.eventsPath, with: Array(whole[..<end]), durably: false)
                let kept = whole[..<end].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
                var log = try EventLog(trial)
                #expect(log.mark.bytes == kept && log.found.tornBytes == end - kept)
                #expect(log.found.state.snapshots == max(0, log.mark.lines - 1))
                #expect(log.mark.elapsed == .seconds(log.mark.lines))
                let torn = Files.exists(trial.tornPath) ? try Files.read(trial.tornPath) : []
                #expect(torn == Array(whole[kept..<end]))
                log.append(event("snapshot", ["label": "after"], at: 9))
                try log.flush()
                let reading = try EventLogReader(trial).read()
                #expect(reading.fault == nil && reading.tornBytes == 0 && reading.mark == log.mark)
                #expect(try Files.read(trial.eventsPath).starts(with: whole[..<kept]))
            }
        }
    }

    @Test func `garbage behind the last line is torn, garbage before a line is damage`() async throws {
        try await withTrial { trial in
            let mark = try write(3, trial)
            let whole = try Files.read(trial.eventsPath)
            let garbage = [UInt8](repeating: 0, count: 100) + [0x0A] + Array("{\"type\":".utf8)
            try Files.replace(trial.eventsPath, with: whole + garbage)
            #expect(try EventLog(trial).found.tornBytes == garbage.count)
            #expect(try Files.read(trial.eventsPath) == whole)
            let rows = try lines(trial)
            try Files.replace(trial.eventsPath, with: rows[0] + garbage + [0x0A] + rows[1] + rows[2])
            let found = try fault(trial, mark)
            #expect(found?.kind == .unreadable && found?.line == 2 && found?.offset == rows[0].count)
            let error = #expect(throws: PreflightError.self) { _ = try EventLog(trial) }
            #expect(error?.message.contains("line 2 (byte \(rows[0].count))") == true)
        }
    }

    @Test func `a link is found out whichever byte of the log was changed`() async throws {
        try await withTrial { trial in
            let mark = try write(4, trial)
            let whole = try Files.read(trial.eventsPath)
            #expect(try fault(trial, mark) == nil)
            for index in whole.indices {
                var changed = whole
                changed[index] ^= 0x01
                try Files.replace(trial.eventsPath, with: changed, durably: false)
                #expect(try fault(trial, mark) != nil, "byte \(index)")
            }
        }
    }

    @Test func `an edited line is named`() async throws {
        try await withTrial { trial in
            let mark = try write(5, trial)
            let rows = try lines(trial)
            let edited = String(decoding: rows[2], as: UTF8.self).replacing("n3", with: "x3")
            try Files.replace(
                trial.eventsPath, with: rows[0] + rows[1] + Array(edited.utf8) + rows[3] + rows[4])
            let found = try #require(try fault(trial, mark))
            #expect((found.kind, found.line, found.offset) == (.edited, 3, rows[0].count + rows[1].count))
            // Whoever knows no end of it cannot tell.
            #expect(try fault(trial, nil, isFinal: false)?.detail.hasSuffix("or lines before it are missing") == true)
        }
    }

    @Test(arguments: 0..<5) func `a missing line is missed, the last one too`(gone: Int) async throws {
        try await withTrial { trial in
            let mark = try write(5, trial)
            var rows = try lines(trial)
            let offset = rows[..<gone].joined().count
            rows.remove(at: gone)
            try Files.replace(trial.eventsPath, with: Array(rows.joined()))
            let found = try #require(try fault(trial, mark))
            #expect((found.kind, found.line, found.offset) == (.missing, gone + 1, offset))
            #expect(found.detail.contains("1 line"))
        }
    }

    @Test func `lines that were moved or stand twice are named with their place`() async throws {
        try await withTrial { trial in
            let mark = try write(5, trial)
            let rows = try lines(trial)
            func arrange(_ order: [Int]) throws -> LogFault? {
                try Files.replace(trial.eventsPath, with: Array(order.flatMap { rows[$0] }))
                return try fault(trial, mark)
            }
            let swapped = try #require(try arrange([0, 2, 1, 3, 4]))
            #expect((swapped.kind, swapped.line) == (.reordered, 2))
            #expect(swapped.detail == "it belongs behind what is now line 3")
            let twice = try #require(try arrange([0, 1, 2, 1, 3, 4]))
            #expect((twice.kind, twice.line) == (.reordered, 4))
            #expect(try arrange([1, 0, 2, 3, 4])?.kind == .reordered)
            #expect(try arrange([0, 1, 2, 3, 4]) == nil)
        }
    }

    @Test func `lines behind the end, and another trial's log, are found`() async throws {
        try await withTrial { trial in
            let mark = try write(3, trial)
            var log = try EventLog(trial)
            log.append(event("snapshot"))
            try log.flush()
            #expect(try fault(trial, mark)?.kind == .added)
            #expect(try fault(trial, mark, isFinal: false) == nil)

            let run = RunDirectory(path: (trial.path as NSString).deletingLastPathComponent, id: trial.run)
            let other = run.trial("gemini")
            try other.create()
            _ = try write(3, other)
            try Files.replace(trial.eventsPath, with: try Files.read(other.eventsPath))
            let foreign = try #require(try fault(trial, mark))
            #expect((foreign.kind, foreign.line, foreign.detail) == (.foreign, 1, "it is the log of run-1/gemini"))
        }
    }

    @Test func `a log that was written anew with a chain of its own is not the one that was noted`() async throws {
        try await withTrial { trial in
            let mark = try write(3, trial)
            Files.remove(trial.eventsPath)
            var log = try EventLog(trial)
            log.append(event("trial_started", ["alias": "llama", "budget": 2], .harness))
            for number in 2...3 { log.append(event("snapshot", ["label": .string("n\(number)")], at: number)) }
            try log.flush()
            #expect(log.mark.bytes == mark.bytes)
            #expect(try fault(trial, mark)?.detail.contains("written anew") == true)
        }
    }

    @Test func `a log is read on from any mark of it`() async throws {
        try await withTrial { trial in
            var log = try EventLog(trial)
            var marks: [LogMark] = [log.mark]
            for number in 1...20 {
                log.append(
                    event("snapshot", ["label": .string(String(repeating: "x", count: number * 50))], at: number))
                marks.append(log.mark)
            }
            try log.flush()
            for (index, mark) in marks.enumerated() {
                var count = 0
                let reading = try EventLogReader(trial).read(from: mark) { _ in count += 1 }
                #expect(count == 20 - index && reading.fault == nil && reading.mark == log.mark)
            }
        }
    }
}
