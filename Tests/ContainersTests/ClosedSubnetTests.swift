import Containers
import Testing

@Suite struct ClosedSubnetTests {
    @Test(arguments: [
        (0, "198.18.0.0/29", "198.18.0.1", "198.18.0.6"), (31, "198.18.0.248/29", "198.18.0.249", "198.18.0.254"),
        (32, "198.18.1.0/29", "198.18.1.1", "198.18.1.6"),
        (16_383, "198.19.255.248/29", "198.19.255.249", "198.19.255.254"),
        (16_384, "198.18.0.0/29", "198.18.0.1", "198.18.0.6"),
        (-1, "198.19.255.248/29", "198.19.255.249", "198.19.255.254"),
    ])
    func `each has this machine, room for a container, and a way that leads nowhere`(
        index: Int, text: String, host: String, nowhere: String
    ) {
        let subnet = ClosedSubnet(index: index)
        #expect(subnet.text == text)
        #expect(subnet.host == host)
        #expect(subnet.nowhere == nowhere)
    }
}
