import PreflightCore
import Synchronization
import Testing

/// The one who watches is the process's own, so nobody else may.
@Suite(.serialized) struct MarkedStepTests {
    /// Tests beside this one may pass steps too.
    @TaskLocal private static var isOurs = false

    @Test func `who watches is told every step, and nobody after`() {
        let told = Mutex<[MarkedStep]>([])
        Self.$isOurs.withValue(true) {
            MarkedStep.runBegun.pass()
            MarkedStep.watch { step in if Self.isOurs { told.withLock { $0.append(step) } } }
            MarkedStep.callSent.pass()
            MarkedStep.subKeyMade.pass()
            MarkedStep.watch(nil)
            MarkedStep.runBegun.pass()
        }
        #expect(told.withLock { $0 } == [.callSent, .subKeyMade])
    }

    @Test func `names are as one types them`() {
        for step in MarkedStep.allCases {
            #expect(step.rawValue.allSatisfy { $0 == "-" || ("a"..."z").contains($0) }, "\(step)")
        }
    }
}
