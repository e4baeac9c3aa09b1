package import Containers
package import PreflightCore
import Store

/// A scorer as it will run: its image pinned, and a digest of all that scores.
package struct ScorerPlan: Sendable, Equatable {
    package var scorer: Scorer
    package var imageID: String
    /// Of image, command and files: two scores can be compared where it is the same.
    package var digest: String
    /// The bounds of its container are those of the trials.
    package var limits: Experiment.Limits
    /// Why it cannot run: each trial is told so. Nil where it can.
    package var problem: String?

    /// Pins the scorer of an experiment.
    ///
    /// - Parameter imageID: the experiment's own image.
    /// - Throws: `refused` where its image is not there, or its files are not.
    package static func make(
        _ scorer: Scorer, imageID: String, limits: Experiment.Limits, docker: Docker
    ) async throws -> ScorerPlan {
        var imageID = imageID
        if let image = scorer.image {
            do { imageID = try await docker.image(image).id } catch let failure as DockerFailure {
                throw PreflightError(
                    .refused,
                    failure.kind == .imageMissing ? "score: there is no image \(image)" : "score: \(failure.message)",
                    hint: failure.hint)
            }
        }
        try check(scorer)
        var parts = [imageID] + scorer.command
        do { if let files = scorer.files { parts.append(try Files.treeDigest(files)) } } catch {
            throw PreflightError(.refused, "score: \((error as? PreflightError)?.message ?? "\(error)")")
        }
        let digest = Files.digest(of: Array(parts.joined(separator: "\0").utf8))
        return ScorerPlan(scorer: scorer, imageID: imageID, digest: String(digest.prefix(16)), limits: limits)
    }

    /// Of a scorer that cannot run any more: what it would have scored is told why it was not.
    package static func broken(_ scorer: Scorer, limits: Experiment.Limits, _ problem: String) -> ScorerPlan {
        ScorerPlan(scorer: scorer, imageID: "", digest: "", limits: limits, problem: problem)
    }

    /// Whether what the scorer needs of this machine is there.
    package static func check(_ scorer: Scorer) throws(PreflightError) {
        guard let files = scorer.files else { return }
        guard Files.exists(files) else {
            throw PreflightError(
                .usage, "score: there is no \(files) on this machine", hint: "name a file beside the experiment file")
        }
        let isDirectory = Files.isDirectory(files)
        // Given by its path alone, the file itself is what is run.
        guard scorer.command == Scorer(program: files)?.command else { return }
        if isDirectory {
            throw PreflightError(
                .usage, "score: \(files) is a directory",
                hint: "say what to run in it: score: {files: \(files), command: [\(Scorer.filesTarget)/score.py]}")
        }
        guard Files.isProgram(files) else {
            throw PreflightError(.usage, "score: \(files) is no program", hint: "chmod +x \(files)")
        }
    }

    /// Where its files lie in the container.
    var mount: Mount? {
        scorer.files.map { files in
            let name = files.split(separator: "/").last.map { "/\($0)" } ?? ""
            let target = Scorer.filesTarget + (Files.isDirectory(files) ? "" : name)
            return .bind(source: files, target: target, options: ["ro"])
        }
    }

    package var json: JSON {
        .record(["image": .string(imageID), "digest": .string(digest)])
    }
}
