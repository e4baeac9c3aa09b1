/// What an experiment's `score` says: a program that looks at a trial's output once its agent is dead.
package struct Scorer: Sendable, Hashable {
    /// What is run in the container; empty for what its image runs by itself.
    package var command: [String]
    /// Nil for the experiment's own.
    package var image: String?
    /// A file or directory of this machine, which the container finds at `filesTarget`.
    package var files: String?
    /// How long it may run.
    package var timeout: Duration

    package static let filesTarget = "/score"
    package static let standardTimeout = Duration.seconds(60)
    package static let longestTimeout = Duration.seconds(86_400)

    package init(
        command: [String] = [], image: String? = nil, files: String? = nil, timeout: Duration = standardTimeout
    ) {
        self.command = command
        self.image = image
        self.files = files
        self.timeout = timeout
    }

    /// A program of this machine; nil where the path names no file.
    package init?(program path: String) {
        guard let name = path.split(separator: "/").last, !path.hasSuffix("/"), name != ".", name != ".." else {
            return nil
        }
        self.init(command: ["\(Self.filesTarget)/\(name)"], files: path)
    }
}

extension Scorer {
    package static let keys = ["command", "image", "files", "timeout"]

    /// Reads a program's path, or `{command: […], image: …, files: …, timeout: …}`.
    package init(reader: TreeReader) throws(PreflightError) {
        if reader.value.string != nil {
            guard let scorer = Scorer(program: try reader.string()) else {
                throw reader.fail("expected the path of a program, such as ./score.py")
            }
            self = scorer
            return
        }
        guard reader.value.object != nil else {
            throw reader.fail("expected the path of a program, or {command: […], image: …, files: …, timeout: …}")
        }
        let members = try reader.object(keys: Self.keys)
        self.init(
            command: try members["command"]?.strings() ?? [], image: try members["image"]?.string(),
            files: try members["files"]?.string(), timeout: try members["timeout"]?.duration() ?? Self.standardTimeout)
        if let given = members["command"] {
            guard let first = command.first, !first.isEmpty else {
                throw given.fail("expected a program and its arguments, such as [python3, /score/score.py]")
            }
            if given.value.array == nil, first.contains(" ") {
                throw given.fail(
                    "'\(first)' would be the name of one program", hint: "write a list: [python3, /score/score.py]")
            }
        } else if image == nil {
            throw reader.fail(
                "command or image is needed", hint: "score: ./score.py runs that file in the experiment's image")
        }
        if let given = members["image"], image?.isEmpty ?? true { throw given.fail("expected the name of an image") }
        if let given = members["files"], files?.isEmpty ?? true {
            throw given.fail("expected a file or directory of this machine")
        }
        if let given = members["timeout"], timeout < .seconds(1) || timeout > Self.longestTimeout {
            throw given.fail("expected 1s…24h")
        }
    }

    package var tree: JSON {
        .record([
            "command": command.isEmpty ? nil : .strings(command), "image": image.map(JSON.string),
            "files": files.map(JSON.string), "timeout": .string(timeout.secondsText),
        ])
    }
}
