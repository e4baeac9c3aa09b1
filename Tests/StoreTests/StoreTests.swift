import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

@Suite struct FilesTests {
    @Test func `a file is replaced in one step, and a link is not followed`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/budget.txt"
            try Files.replace(directory + "/precious", with: "kept")
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: directory + "/precious")
            try Files.replace(path, with: "new")
            #expect(try Files.read(path) == Array("new".utf8))
            #expect(try Files.read(directory + "/precious") == Array("kept".utf8))
            #expect(Set(Files.list(directory)) == ["budget.txt", "precious"])
        }
    }

    @Test func `of a large directory as many names are read as are wanted`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/output"
            try Files.createDirectory(path + "/inner")
            for number in 0..<9 { try Files.replace("\(path)/\(number)", with: "x", durably: false) }
            let all = Set(Files.list(path))
            #expect(all.count == 10 && Set(Files.list(path, atMost: 100)) == all)
            let some = Set(Files.list(path, atMost: 4))
            #expect(some.count == 4 && some.isSubset(of: all))
            #expect(Files.list(path, atMost: 0).isEmpty && Files.list(path + "/nothing", atMost: 4).isEmpty)
            try FileManager.default.createSymbolicLink(atPath: directory + "/link", withDestinationPath: path)
            #expect(Files.list(directory + "/link", atMost: 4).isEmpty)
        }
    }

    @Test func `failures name the file and the cause`() async throws {
        let write = #expect(throws: PreflightError.self) { try Files.replace("/proc/no/file", with: "x") }
        #expect(write?.message.contains("/proc/no/file") == true)
        let read = #expect(throws: PreflightError.self) { try Files.read("/no/such/file") }
        #expect(read?.message == "cannot read /no/such/file: No such file or directory")
        #expect(throws: PreflightError.self) { try Files.read("/dev/zero", limit: 1000) }
    }

    @Test func `a log whose last line was torn goes on with a line of its own`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/events.jsonl"
            try Files.replace(path, with: "{\"a\":1}\n{\"b\":")
            var file = try AppendFile(path: path)
            file.append(Array("{\"c\":3}\n".utf8))
            try file.flush()
            #expect(String(decoding: try Files.read(path), as: UTF8.self) == "{\"a\":1}\n{\"b\":\n{\"c\":3}\n")
        }
    }
}

@Suite struct HarnessLockTests {
    @Test func `a lock is held by the living and by nobody else`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/harness.lock"
            #expect(HarnessLock.holder(path: path) == .unknown)
            do {
                let lock = try HarnessLock(path: path)
                #expect(HarnessLock.holder(path: path) == .living)
                #expect(throws: PreflightError.self) { try HarnessLock(path: path) }
                withExtendedLifetime(lock) {}
            }
            // A program that is being started elsewhere in this process may hold it for a moment longer.
            #expect(await eventually { HarnessLock.holder(path: path) == .nobody })
        }
    }

    @Test func `a process that is killed lets go`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/harness.lock"
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            // -o: the program that it runs does not hold the lock, only the process that is killed here.
            process.arguments = ["flock", "-o", path, "sleep", "60"]
            try process.run()
            #expect(await eventually { HarnessLock.holder(path: path) == .living })
            kill(process.processIdentifier, SIGKILL)
            #expect(await eventually { HarnessLock.holder(path: path) == .nobody })
        }
    }
}

@Suite struct JournalTests {
    @Test func `many who open a new file at the same time all have it`() async throws {
        for _ in 0..<5 {
            try await withTemporaryDirectory { directory in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<6 {
                        group.addTask {
                            let journal = try Journal(path: directory + "/preflight.sqlite")
                            #expect(try await journal.resourcesLeft().isEmpty)
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    private func withJournal(_ body: (Journal, String) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            try await body(try Journal(path: path), path)
        }
    }

    private func summary(_ alias: String) -> TrialSummary {
        TrialSummary(plan: TrialPlan(alias: alias, model: "m", budget: USD(cents: 5)))
    }

    @Test func `runs and trials are read back as written, newest and first`() async throws {
        try await withJournal { journal, _ in
            for (index, id) in ["run-1", "run-2"].enumerated() {
                try await journal.begin(
                    RunDirectory(path: "/r/\(id)", id: id), trials: [summary("b"), summary("a")],
                    at: Timestamp(seconds: Int64(index)))
            }
            #expect(try await journal.runs().map(\.id) == ["run-2", "run-1"])
            #expect(try await journal.trials(run: "run-1").map(\.summary.alias) == ["b", "a"])
            var changed = summary("a")
            changed.cost = USD(cents: 3)
            changed.outcome = .ejected
            try await journal.update([changed], run: "run-1", at: Timestamp(seconds: 9))
            let read = try await journal.trials(run: "run-1")
            #expect(read[1].summary == changed && read[1].updatedAt == Timestamp(seconds: 9))
            await #expect(throws: PreflightError.self) {
                try await journal.begin(
                    RunDirectory(path: "/r/run-1", id: "run-1"), trials: [], at: Timestamp(seconds: 0))
            }
        }
    }

    @Test func `an intent outlives the process that wrote it`() async throws {
        try await withJournal { journal, path in
            let id = try await journal.intend(
                .subkey, name: "k", run: "r", trial: "a", until: Timestamp(seconds: 5), at: Timestamp(seconds: 1))
            let other = try Journal(path: path)
            #expect(try await other.resourcesLeft().map(\.state) == [.intended])
            try await other.made(id, handle: "hash", at: Timestamp(seconds: 2))
            #expect(try await journal.resourcesLeft().map(\.handle) == ["hash"])
            try await journal.gone(id, at: Timestamp(seconds: 3))
            #expect(try await other.resourcesLeft().isEmpty)
        }
    }

    @Test func `two processes' worth of writers do not lose one another's entries`() async throws {
        try await withJournal { journal, path in
            let other = try Journal(path: path)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<100 {
                    group.addTask {
                        _ = try await (index % 2 == 0 ? journal : other).intend(
                            .container, name: "c\(index)", run: "r", trial: nil, at: Timestamp(seconds: 1))
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await journal.resourcesLeft().count == 100)
        }
    }

    @Test func `a file that is no journal is said in plain words`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            try Files.replace(path, with: String(repeating: "this is no database ", count: 100))
            let error = #expect(throws: PreflightError.self) { try Journal(path: path) }
            #expect(error?.message.contains(path) == true)
        }
    }
}
