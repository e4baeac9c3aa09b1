/// For which processor a program is, as its ELF header says.
package struct ProgramFormat: Sendable, Equatable {
    package let machine: Int

    /// Nil where these are not the first bytes of an ELF file.
    package init?(header: some Collection<UInt8>) {
        let bytes = Array(header.prefix(20))
        guard bytes.count == 20, bytes[..<4].elementsEqual([0x7F, 0x45, 0x4C, 0x46]) else { return nil }
        let isBigEndian = bytes[5] == 2
        machine = isBigEndian ? Int(bytes[18]) << 8 | Int(bytes[19]) : Int(bytes[19]) << 8 | Int(bytes[18])
    }

    package var processor: String { Self.names[machine] ?? "processor \(machine)" }

    private static let names = [
        3: "x86", 8: "mips", 20: "powerpc", 21: "powerpc64", 22: "s390x", 40: "arm", 62: "x86-64", 183: "arm64",
        243: "riscv", 258: "loongarch",
    ]
}

extension Docker {
    /// For which processor a file in a container is, which need not run; nil where it is no ELF file, or cannot be read.
    package func programFormat(_ path: String, in container: String) async -> ProgramFormat? {
        let arguments = ["cp", "--follow-link", "\(container):\(path)", "-"]
        // A tar archive: the file's own bytes come after a block of 512.
        guard let copy = try? await runner.run(executable, arguments, environment: environment), copy.isSuccess else {
            return nil
        }
        return ProgramFormat(header: copy.stdout.dropFirst(512))
    }
}
