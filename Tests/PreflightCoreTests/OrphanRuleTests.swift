import PreflightCore
import Testing

@Suite struct OrphanRuleTests {
    private let died = Timestamp(seconds: 1000)

    @Test func `a container goes on until its wall limit, or for the grace where that is shorter`() {
        let limit = Timestamp(seconds: 1600)
        #expect(OrphanRule(orphanedAt: died, grace: nil).end(of: limit) == limit)
        #expect(OrphanRule(orphanedAt: died, grace: .seconds(60)).end(of: limit) == Timestamp(seconds: 1060))
        #expect(OrphanRule(orphanedAt: died, grace: .seconds(3600)).end(of: limit) == limit)
        #expect(OrphanRule(orphanedAt: died, grace: .zero).end(of: limit) == died)
    }

    @Test func `a container that says nothing of a limit ends at once`() {
        #expect(OrphanRule(orphanedAt: died, grace: nil).end(of: nil) == died)
    }
}
