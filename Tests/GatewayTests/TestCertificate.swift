import Foundation
import NIOSSL
import TestSupport

/// A certificate that signs itself, made by openssl as the test begins.
struct TestCertificate: Sendable {
    private let certificatePath: String
    private let keyPath: String
    /// What the gateway verifies by: the certificate itself, or nil for the system's authorities, who do not know it.
    let authorities: String?

    /// - Parameter name: the host that it is for.
    init(for name: String, in directory: String, isTrusted: Bool) throws {
        certificatePath = directory + "/certificate.pem"
        keyPath = directory + "/key.pem"
        authorities = isTrusted ? certificatePath : nil
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:\(name)", "-keyout", keyPath, "-out",
            certificatePath,
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure() }
    }

    struct Failure: Error {}

    /// For a server that shows it.
    func context() throws -> NIOSSLContext {
        try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(certificatePath).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: keyPath, format: .pem))))
    }
}
