import Foundation
import TestSupport

/// Which target this process runs, by `PREFLIGHT_FUZZ`.
private let target: FuzzTarget = {
    let all = FuzzTarget.ofCore + FuzzTarget.ofGateway + [.files]
    let name = ProcessInfo.processInfo.environment["PREFLIGHT_FUZZ"] ?? ""
    guard let found = all.first(where: { $0.name == name }) else {
        print(all.map(\.name).joined(separator: "\n"))
        exit(name == "list" ? 0 : 64)
    }
    return found
}()

/// Writes the seeds where libFuzzer looks for its corpus.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>>>
) -> CInt {
    let target = target
    guard let folder = ProcessInfo.processInfo.environment["PREFLIGHT_FUZZ_SEEDS"] else { return 0 }
    for (index, seed) in target.seeds().enumerated() {
        let path = "\(folder)/seed-\(index)"
        if !FileManager.default.createFile(atPath: path, contents: Data(seed)) { print("cannot write \(path)") }
    }
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = [UInt8](UnsafeBufferPointer(start: bytes, count: count))
    if let promise = target.check(input) { fatalError("\(target.name): \(promise)") }
    return 0
}
