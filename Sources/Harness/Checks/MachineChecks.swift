import Containers
import Foundation
import PreflightCore
import Store

/// Questions about this machine.
enum MachineChecks {
    static func docker(_ docker: Docker) async -> CheckResult {
        do {
            let engine = try await docker.engine()
            return CheckResult(
                "docker", .pass,
                "Docker \(engine.version), \(engine.system), \(engine.processors) processors, \(Quantity.bytesText(engine.memory))"
            )
        } catch {
            return failure("docker", error)
        }
    }

    static func image(_ name: String?, build: String?, docker: Docker) async -> CheckResult {
        guard let name else {
            guard let build else {
                return CheckResult("docker_image", .fail, "no image is named", hint: "give --image NAME")
            }
            return Files.exists(build + "/Dockerfile")
                ? CheckResult("docker_image", .pass, "will be built from \(build)")
                : CheckResult(
                    "docker_image", .fail, "there is no \(build)/Dockerfile",
                    hint: "correct `build:`, or name an `image:`")
        }
        do {
            let image = try await docker.image(name)
            let digest = image.repoDigests.first?.split(separator: "@").last.map(String.init) ?? image.id
            return CheckResult(
                "docker_image", .pass,
                "\(name) \(digest.prefix(19)), created \(image.created.prefix(10)), \(Quantity.bytesText(image.size))")
        } catch {
            var result = failure("docker_image", error)
            if (error as? DockerFailure)?.kind == .imageMissing {
                result.detail = "there is no image \(name)"
                result.hint = "build it (`docker build -t \(name) DIR`) or pull it (`docker pull \(name)`)"
            }
            return result
        }
    }

    static let leastDisk = 500 << 20
    static let comfortableDisk = 5 << 30

    static func disk(_ runs: RunsDirectory) -> CheckResult {
        // The directory may not be there yet: the nearest one above it says how much room there is.
        var path = runs.path
        while !Files.exists(path), path.count > 1 { path = NSString(string: path).deletingLastPathComponent }
        var status = statvfs()
        guard statvfs(path, &status) == 0 else {
            return CheckResult(
                "disk", .fail, "cannot look at \(path): \(String(cString: strerror(errno)))",
                hint: "choose another place with --runs-dir")
        }
        guard access(path, W_OK) == 0 else {
            return CheckResult("disk", .fail, "\(path) is not writable", hint: "choose another place with --runs-dir")
        }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        let free = overflow ? Int.max : Int(clamping: bytes)
        let text = "\(Quantity.bytesText(free)) free at \(runs.path)"
        if free < leastDisk {
            return CheckResult("disk", .fail, text, hint: "free disk space, or choose another --runs-dir")
        }
        if free < comfortableDisk {
            return CheckResult("disk", .warn, text, hint: "logs and outputs of a long run may fill it")
        }
        return CheckResult("disk", .pass, text)
    }

    static func leftovers(_ sweeper: Sweeper) async -> CheckResult {
        let found = await sweeper.find()
        let count = found.removed.count
        if count > 0 {
            let names = found.removed.map { "\($0.kind.rawValue) \($0.name)" }
            return CheckResult(
                "leftovers", .warn, "\(count) thing\(count == 1 ? "" : "s") of dead runs", lines: names,
                hint: "`preflight sweep` removes them")
        }
        if let blind = found.blind.first { return CheckResult("leftovers", .warn, "could not look: \(blind)") }
        let kept = found.kept.isEmpty ? "" : "; \(found.kept.count) of runs that are not known here"
        return CheckResult("leftovers", .pass, "nothing of dead runs\(kept)")
    }

    static func failure(_ name: String, _ error: any Error) -> CheckResult {
        let failure = error as? DockerFailure
        return CheckResult(name, .fail, failure?.message ?? "\(error)", hint: failure?.hint)
    }
}
