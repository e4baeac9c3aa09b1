import PreflightCore
import Testing

@Suite struct DiskCoverTests {
    private func usd(_ amount: Int64) -> USD { USD(picodollars: amount) }

    @Test func `grants are covered until the sum of what the disk does not know reaches the amount`() {
        var cover = DiskCover(amount: usd(100))
        #expect(cover.covers(usd(100)))
        cover.grant(usd(60))
        #expect(cover.isFilling)
        #expect(cover.covers(usd(40)))
        #expect(!cover.covers(usd(41)))
        cover.takeOff()
        // What is on its way is not there yet.
        #expect(!cover.isFilling)
        #expect(!cover.covers(usd(41)))
        cover.grant(usd(40))
        cover.land()
        #expect(cover.covers(usd(60)))
        #expect(!cover.covers(usd(61)))
        cover.reachedDisk(raisedTo: usd(7))
        #expect(cover == DiskCover(amount: usd(7)))
    }

    private static let raises: [(headroom: Int64?, target: Int64?)] = [
        (nil, 640), (100_000, 640), (40_000, 640), (20_000, 320), (5_000, 80), (1000, 80), (320, 80), (200, 50),
        (160, 40), (159, nil),
    ]

    @Test(arguments: raises)
    func `it is raised to 16 times what is needed, or twice where that is much, within a quarter of what is left`(
        headroom: Int64?, target: Int64?
    ) {
        var cover = DiskCover(amount: usd(10))
        cover.grant(usd(10))
        #expect(cover.raise(for: usd(30), headroom: headroom.map(usd)) == target.map(usd))
    }

    @Test func `without a cover nothing is covered`() {
        #expect(!DiskCover().covers(usd(1)))
        #expect(DiskCover().covers(.zero))
    }
}
