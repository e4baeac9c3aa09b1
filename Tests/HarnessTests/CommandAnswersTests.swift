import PreflightCore
import Testing

@testable import Harness

@Suite struct CommandAnswersTests {
    private let yes = Verdict.eject(.init(policy: "judge", message: "hopeless"))

    /// Whether each is news, in a log that has the first of them or nothing.
    private func news(_ standing: Verdict?, _ said: [Verdict]) -> [Bool] {
        var answers = CommandAnswers(standing: standing)
        return said.map { answers.take($0) }
    }

    @Test func `an answer is news where it is another one`() {
        let other = Verdict.eject(.init(policy: "judge", message: "still"))
        #expect(news(nil, [.stay, yes, yes, other, .stay]) == [false, true, false, true, true])
    }

    @Test func `a no takes back the yes that another process has written down`() {
        #expect(news(yes, [.stay, .stay]) == [true, false])
        #expect(news(yes, [yes]) == [false])
    }

    @Test func `a program that fails takes back its yes once, and is told of once for each cause`() {
        var answers = CommandAnswers(standing: yes)
        let failures = ["exit code 1", "exit code 1", "timed out"].map { answers.fail($0) }
        #expect(failures.map { $0.endsYes } == [true, false, false])
        #expect(failures.map { $0.isNew } == [true, false, true])
        // What it says then is news, and so is its next failure.
        let isNews = answers.take(yes)
        let again = answers.fail("timed out")
        #expect(isNews && again.endsYes && again.isNew)
    }
}
