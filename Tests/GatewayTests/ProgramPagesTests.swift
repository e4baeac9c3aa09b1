import Testing

@testable import Gateway

@Suite struct ProgramPagesTests {
    @Test func `only a file's code is let go of`() throws {
        let code = "55d0a0c00000-55d0a2e9f000 r-xp 00000000 fe:00 1234   /usr/local/bin/preflight"
        let range = try #require(ProgramPages.codeRange(code[...]))
        #expect(range.start == 0x55d0_a0c0_0000)
        #expect(range.end == 0x55d0_a2e9_f000)
        for other in [
            "55d0a2e9f000-55d0a2f00000 r--p 02000000 fe:00 1234   /usr/local/bin/preflight",
            "7ffc8a1f0000-7ffc8a1f2000 r-xp 00000000 00:00 0      [vdso]",
            "7f0000000000-7f0000001000 r-xp 00000000 00:00 0 ", "", "no line of it",
        ] {
            #expect(ProgramPages.codeRange(other[...]) == nil)
        }
        // And what runs goes on running.
        ProgramPages.letGo()
        #expect(ProgramPages.codeRange(code[...]) != nil)
    }
}
