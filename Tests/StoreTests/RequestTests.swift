import PreflightCore
import Store
import TestSupport
import Testing

private let now = Timestamp(seconds: 1_800_000_000)

private func withRun(_ body: (Journal, String) async throws -> Void) async throws {
    try await withTemporaryDirectory { directory in
        let runs = RunsDirectory(path: directory)
        let journal = try Journal(path: runs.journalPath)
        try await journal.begin(runs.run("r"), trials: [], at: now)
        try await body(journal, runs.journalPath)
    }
}

@Suite struct RequestTests {
    @Test(
        arguments: [
            .stop(isQuick: false), .stop(isQuick: true), .eject(reason: "loops"), .extend(.by(USD(cents: 50))),
            .extend(.to(USD(cents: 200))),
        ] as [OwnerOrder])
    func `an order comes out as it was put in, for any process that has the journal`(order: OwnerOrder) async throws {
        try await withRun { journal, path in
            let id = try await journal.ask(order, run: "r", trial: "a", who: "me@here", at: now)
            let others = try Journal(path: path)
            let expected = OwnerRequest(id: id, run: "r", trial: "a", order: order, who: "me@here", createdAt: now)
            #expect(try await others.openRequests(run: "r") == [expected])
            #expect(try await others.openRequests(run: "other").isEmpty)
            try await others.answer(id, .init(isDone: true, text: "yes"), at: now)
            #expect(try await journal.openRequests(run: "r").isEmpty)
            #expect(try await journal.request(id)?.answer == .init(isDone: true, text: "yes"))
        }
    }

    @Test func `what was taken cannot be withdrawn, and what was withdrawn cannot be taken`() async throws {
        try await withRun { journal, _ in
            let taken = try await journal.ask(.extend(.by(USD(cents: 1))), run: "r", trial: "a", who: "x", at: now)
            #expect(try await journal.take(taken, target: USD(cents: 26), at: now))
            #expect(try await !journal.withdraw(taken, at: now))
            // Taken again, after a crash: the target of the first time stands.
            #expect(try await journal.take(taken, target: USD(cents: 99), at: now))
            #expect(try await journal.openRequests(run: "r").map(\.target) == [USD(cents: 26)])

            let withdrawn = try await journal.ask(.extend(.by(USD(cents: 1))), run: "r", trial: "a", who: "x", at: now)
            #expect(try await journal.withdraw(withdrawn, at: now))
            #expect(try await !journal.take(withdrawn, target: USD(cents: 26), at: now))
            try await journal.answer(withdrawn, .init(isDone: true, text: "late"), at: now)
            #expect(try await journal.request(withdrawn)?.answer == .init(isDone: false, text: "withdrawn"))
        }
    }

    @Test func `a run that ends answers what is open, and nothing else`() async throws {
        try await withRun { journal, _ in
            let done = try await journal.ask(.stop(isQuick: false), run: "r", trial: nil, who: "x", at: now)
            try await journal.answer(done, .init(isDone: true, text: "stopping"), at: now)
            let open = try await journal.ask(.eject(reason: "y"), run: "r", trial: "a", who: "x", at: now)
            try await journal.closeRequests(run: "r", "the run is over", at: now)
            #expect(try await journal.request(done)?.answer?.text == "stopping")
            #expect(try await journal.request(open)?.answer == .init(isDone: false, text: "the run is over"))
        }
    }
}

@Suite struct ActionRequestTests {
    @Test func `orders to hold, release and steer come back as they were given`() async throws {
        try await withTemporaryDirectory { directory in
            let runs = RunsDirectory(path: directory)
            let journal = try Journal(path: runs.journalPath)
            let now = Timestamp(seconds: 100)
            try await journal.begin(runs.run("r"), trials: [], at: now)
            let orders: [OwnerOrder] = [.hold(reason: "look first"), .release, .steer(message: "try again")]
            for order in orders { _ = try await journal.ask(order, run: "r", trial: "a", who: "me", at: now) }
            #expect(try await journal.openRequests(run: "r").map(\.order) == orders)
        }
    }
}
