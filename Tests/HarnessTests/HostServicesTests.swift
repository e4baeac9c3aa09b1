import Testing

@testable import Harness

@Suite struct HostServicesTests {
    @Test func `listeners on all addresses are found, those on one address and connections are not`() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 18024 1
               1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 18025 1
               2: 00000000:0050 0A00020F:C350 01 00000000:00000000 00:00000000 00000000     0        0 18026 1
               3: 00000000000000000000000000000000:0BB8 00000000000000000000000000000000:0000 0A 0 0 0 0
            """
        #expect(HostServices.openPorts(in: table) == [22, 3000])
        #expect(HostServices.openPorts(in: "") == [])
        #expect(HostServices.openPorts(in: "header\nnonsense\n 1: x y 0A\n") == [])
    }
}
