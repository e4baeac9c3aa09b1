import PreflightCore
import Reports
import Store
import Testing

@Suite struct RunConditionsTests {
    private typealias Fixture = RecordFixture

    private func read(_ fixture: RecordFixture) async throws -> RunConditions {
        let view = try await RunLookup.find("run-1", in: fixture.runs, journal: fixture.journal)
        return await RunConditions.read(view, experiment: nil)
    }

    @Test func `a run whose process died has not ended, until something says that it is over`() async throws {
        try await Fixture.with(["a", "b"]) { fixture in
            for alias in ["a", "b"] {
                let kept = try fixture.write(Fixture.beginning(alias), alias)
                try await fixture.journal.update([kept], run: "run-1", at: Fixture.start)
            }
            try fixture.write(Fixture.end(.zero, at: 5), "a")
            let died = try await read(fixture)
            #expect(died.trials.count == 2 && died.unfinished == 1)
            let likeness = Likeness([died])
            #expect(
                likeness.differences.contains { $0.text == "end: 1 trial not ended yet (run-1)" },
                "\(likeness.differences)")
            try await fixture.journal.finish(run: "run-1", exitStatus: 1, at: Fixture.start)
            #expect(try await read(fixture).unfinished == 0)
        }
    }
}
