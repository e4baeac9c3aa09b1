import PreflightCore
import Store
import TestSupport
import Testing

@Suite struct AttemptTests {
    @Test func `each attempt is found before and after room was made for the next`() async throws {
        try await withTemporaryDirectory { path in
            let run = RunsDirectory(path: path).run("r")
            let first = run.trial("a")
            try first.create()
            try Files.replace(first.eventsPath, with: "first")
            #expect(!Files.exists(run.trial("a", attempt: 2).path), "the first stands in its place")
            try run.moveAside(first.attempt)
            #expect(!Files.exists(first.path))
            #expect(try Files.read(run.trial("a").eventsPath) == Array("first".utf8))
            let second = run.trial("a", attempt: 2)
            #expect(second.path == "\(run.path)/a" && second.firstLink != first.firstLink)
            try second.create()
            // Whoever goes on after a crash does it again.
            try run.moveAside(first.attempt)
            #expect(Files.exists(second.path) && run.trial("a").place == "attempts/a/1")
            try run.moveAside(second.attempt)
            #expect(run.trial("a", attempt: 2).place == "attempts/a/2" && run.trial("a", attempt: 3).place == "a")
        }
    }

    @Test func `an attempt that never began makes room too`() async throws {
        try await withTemporaryDirectory { path in
            let run = RunsDirectory(path: path).run("r")
            try Files.createDirectory(run.path)
            try run.moveAside(TrialAttempt(alias: "a"))
            #expect(run.trial("a", attempt: 2).place == "a" && run.trial("a").place == "attempts/a/1")
        }
    }
}
