import Foundation
package import PreflightCore

/// Scores that were made after a trial's record was closed: they stand beside it, and the newest counts.
extension TrialDirectory {
    package var scorePath: String { path + "/score.json" }

    /// Nil where there is none, or none that can be read.
    package var laterScore: TrialScore? {
        guard Files.exists(scorePath), let bytes = try? Files.read(scorePath, limit: 1 << 20),
            let json = try? JSON.parse(bytes)
        else { return nil }
        return TrialScore(json: json)
    }

    /// Replaces the one that is there.
    package func keep(later score: TrialScore) throws {
        try Files.replace(scorePath, with: score.json.prettyText + "\n")
    }
}

extension TrialSummary {
    /// With the newest scores of all its attempts, in the log or beside it.
    package func withNewestScores(in run: RunDirectory) -> TrialSummary {
        var summary = self
        summary.takeLater(run.trial(attempt))
        for index in earlier.indices {
            summary.earlier[index].takeLater(run.trial(alias, attempt: index + 1))
        }
        return summary
    }

    private mutating func takeLater(_ directory: TrialDirectory) {
        // The log was closed before: no clock need be asked which is newer.
        score = directory.laterScore ?? score
    }
}

extension Files {
    /// A digest of a file, or of all files below a directory with their names; links are not followed. Throws where it is
    /// more than `limit` bytes, or more than 10,000 files.
    package static func treeDigest(_ path: String, limit: Int = 256 << 20) throws -> String {
        guard isDirectory(path) else { return digest(of: try read(path, limit: limit)) }
        guard let names = FileManager.default.enumerator(atPath: path) else { throw failure("read", path) }
        var all = names.compactMap { $0 as? String }
        guard all.count <= 10_000 else {
            throw PreflightError(.usage, "\(path) has more than 10,000 files")
        }
        all.sort()
        var text = ""
        var left = limit
        for name in all {
            let file = "\(path)/\(name)"
            var status = stat()
            guard lstat(file, &status) == 0 else { throw failure("read", file) }
            switch status.st_mode & S_IFMT {
            case S_IFREG:
                let bytes = try read(file, limit: max(0, left))
                left -= bytes.count
                text += "\(name)\0\(digest(of: bytes))\n"
            case S_IFLNK:
                text += "\(name)\0-> \((try? FileManager.default.destinationOfSymbolicLink(atPath: file)) ?? "")\n"
            default: text += "\(name)\0\n"
            }
        }
        return digest(of: Array(text.utf8))
    }
}
