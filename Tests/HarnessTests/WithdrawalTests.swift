import PreflightCore
import Testing

@testable import Harness

@Suite(.timeLimit(.minutes(1))) struct WithdrawalTests {
    private func control(_ alias: String, _ stop: StopSignal) -> TrialControl {
        TrialControl(plan: TrialPlan(alias: alias, model: "m", budget: USD(cents: 5)), stop: stop)
    }

    @Test(arguments: [true, false])
    func `a trial that is ejected or stopped while it waits for room gives up its place`(isEjected: Bool) async {
        let envelope = Envelope(total: USD(cents: 8))
        #expect(await envelope.enter(USD(cents: 5)))
        let field = StopSignal()
        let control = control("b", field.makeChild())
        async let hasRoom = cancelling(when: control.withdrawal) { await envelope.enter(USD(cents: 5), for: "b") }
        if isEjected {
            #expect(control.eject(.init(policy: "owner", message: "no use")))
        } else {
            field.raise(to: .graceful)
        }
        let isIn = await hasRoom
        #expect(!isIn)
        #expect(control.earlyEnd?.outcome == (isEjected ? Outcome.ejected : Outcome.cancelled))
        // An eject is no stop, and those behind it are not kept waiting.
        #expect(control.stop.urgency == (isEjected ? StopSignal.Urgency.none : StopSignal.Urgency.graceful))
        #expect(await envelope.enter(USD(cents: 3)))
    }
}
