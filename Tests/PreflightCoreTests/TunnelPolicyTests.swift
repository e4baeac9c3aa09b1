import PreflightCore
import Testing

@Suite struct TunnelPolicyTests {
    @Test(arguments: [
        ("pypi.org", "pypi.org", 443, true), ("pypi.org", "PyPI.org.", 443, true), ("pypi.org", "pypi.org", 80, true),
        ("pypi.org", "pypi.org", 22, false), ("pypi.org", "files.pypi.org", 443, false),
        ("pypi.org", "notpypi.org", 443, false), ("*.debian.org", "deb.debian.org", 443, true),
        ("*.debian.org", "debian.org", 443, true), ("*.debian.org", "evildebian.org", 443, false),
        ("registry.local:5000", "registry.local", 5000, true), ("registry.local:5000", "registry.local", 443, false),
        ("10.0.0.7:8080", "10.0.0.7", 8080, true),
    ])
    func `a pattern matches its host, and nothing that looks like it`(
        pattern: String, host: String, port: Int, isMatch: Bool
    ) throws {
        let pattern = try #require(HostPattern(pattern))
        #expect(pattern.matches(host: host, port: port) == isMatch)
    }

    @Test(arguments: ["", "*", "*.", "http://pypi.org", "pypi.org/simple", "a b", ".org", "x:0", "x:99999", "x:y"])
    func `what is no host is no pattern`(text: String) { #expect(HostPattern(text) == nil) }

    @Test func `only a host listed by its full name may be private`() throws {
        let wild = try #require(HostPattern("*.example.com"))
        let exact = try #require(HostPattern("registry.local:5000"))
        let policy = TunnelPolicy.allowlist([wild, exact])
        #expect(!policy.allowsPrivate(host: "a.example.com", port: 443))
        #expect(policy.allowsPrivate(host: "registry.local", port: 5000))
        #expect(!TunnelPolicy.open.allowsPrivate(host: "registry.local", port: 5000))
        #expect(!TunnelPolicy.closed.allows(host: "pypi.org", port: 443))
    }

    @Test func `an experiment says it in one word, as a list, or in full`() throws {
        func read(_ json: JSON) throws -> TunnelPolicy? { try Experiment(tree: ["network": json]).network }
        let hosts = [HostPattern("pypi.org"), HostPattern("*.debian.org:80")].compactMap(\.self)
        #expect(try read("closed") == .closed)
        #expect(try read("open") == .open)
        #expect(try read(["pypi.org", "*.debian.org:80"]) == .allowlist(hosts))
        #expect(try read(["mode": "allowlist", "allow": ["pypi.org", "*.debian.org:80"]]) == .allowlist(hosts))
        #expect(try read(["allow": ["pypi.org", "*.debian.org:80"]]) == .allowlist(hosts))
        for wrong in ["allowlist", ["mode": "allowlist"], ["mode": "open", "allow": ["a.b"]], ["http://x"]] as [JSON] {
            #expect(throws: PreflightError.self) { try read(wrong) }
        }
        let experiment = try Experiment(tree: [
            "access": "gateway", "network": ["pypi.org"], "budget": ["hold": "adaptive"],
        ])
        let again = try Experiment(tree: experiment.tree)
        #expect(again.access == .gateway)
        #expect(again.network == experiment.network)
        #expect(again.budget.hold == .adaptive)
    }
}
