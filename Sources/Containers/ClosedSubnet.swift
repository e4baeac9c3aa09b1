/// One of the small networks that closed trials get: this machine, the container, and a way out that leads nowhere.
///
/// They lie in 198.18.0.0/15, which RFC 2544 keeps for tests between networks: no site uses it, and it has room for
/// thousands, where Docker's own pools end after some thirty.
package struct ClosedSubnet: Sendable, Hashable {
    package static let count = 16_384

    /// 0 ..< `count`
    package let index: Int

    package init(index: Int) { self.index = ((index % Self.count) + Self.count) % Self.count }

    private func address(_ host: Int) -> String {
        let number = index * 8 + host
        return "198.\(18 + number / 65_536).\(number / 256 % 256).\(number % 256)"
    }

    package var text: String { address(0) + "/29" }
    /// This machine's.
    package var host: String { address(1) }
    /// Nobody's. Without it engines of some versions would route a container's packets to other addresses of this
    /// machine.
    package var nowhere: String { address(6) }
}
