/// Why a docker command failed, and whose fault that is.
package struct DockerFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// Its names are the `cause` of trials.
    package enum Kind: String, Sendable, Equatable, CaseIterable {
        /// There is no docker command.
        case notInstalled = "docker_not_installed"
        /// The command is there, the engine does not answer.
        case engineUnreachable = "engine_unreachable"
        case permissionDenied = "permission_denied"
        case imageMissing = "image_missing"
        /// The image is there and cannot run: no such program, not executable, another processor.
        case imageUnusable = "image_unusable"
        case nameTaken = "name_taken"
        case mount
        case noSuchObject = "no_such_object"
        case addressPoolExhausted = "address_pool_exhausted"
        case diskFull = "disk_full"
        case timedOut = "engine_timed_out"
        /// The engine went away while the container ran, and took it along.
        case engineRestarted = "engine_restarted"
        case containerRemoved = "container_removed"
        case other = "docker"
    }

    package var kind: Kind
    package var message: String

    package init(kind: Kind, message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { message }

    /// The image is at fault, not the engine.
    package var isOfImage: Bool { [.imageMissing, .imageUnusable].contains(kind) }

    package var hint: String {
        switch kind {
        case .notInstalled:
            "install Docker: on Debian `apt-get install docker.io`, elsewhere https://docs.docker.com/engine/install"
        case .engineUnreachable:
            "start the engine: `systemctl start docker`, or `dockerd` as root; look at DOCKER_HOST and `docker context ls`"
        case .permissionDenied: "add yourself to the group: `sudo usermod -aG docker $USER`, then log in again"
        case .imageMissing: "build it (`docker build -t NAME DIR`) or pull it (`docker pull NAME`)"
        case .imageUnusable: "look at the image's entry point and processor architecture: `docker image inspect NAME`"
        case .nameTaken: "`preflight sweep` removes what dead runs left"
        case .mount: "check that the host path exists and the engine may see it"
        case .noSuchObject: "it is gone already"
        case .addressPoolExhausted:
            "`docker network prune` frees address pools; `preflight sweep` removes networks of dead runs"
        case .diskFull: "free disk space: `docker system df`, `docker system prune`"
        case .timedOut: "the engine is slow or stuck: look at `docker info`"
        case .engineRestarted: "`live-restore` in the engine's configuration keeps containers over its restarts"
        case .containerRemoved: "`docker rm` and `docker container prune` spare what runs, unless they are forced"
        case .other: "run the same docker command by hand to see more"
        }
    }

    /// The engine's init process (`--init`) says in its own words that the image's program cannot be run; nil otherwise.
    package static func ofInit(exitCode: Int, stderr: [String]) -> DockerFailure? {
        guard exitCode == 126 || exitCode == 127, let line = stderr.last(where: { $0.hasPrefix("[FATAL tini") }) else {
            return nil
        }
        return DockerFailure(kind: .imageUnusable, message: String(line.drop { $0 != "]" }.dropFirst(2)))
    }

    /// The command reports every trouble of its own as exit 125 and text: this is the one place that reads it.
    package static func classify(stderr: String) -> DockerFailure {
        let text = stderr.split(separator: "\n").map(String.init)
            .filter { !$0.hasPrefix("See 'docker") && !$0.hasPrefix("Run 'docker") && !$0.isEmpty }
            .joined(separator: " ")
        let message = text.replacingPrefix("docker: ", with: "").replacingPrefix(
            "Error response from daemon: ", with: "")
        let lower = text.lowercased()
        func has(_ words: String...) -> Bool { words.contains { lower.contains($0) } }
        let kind: Kind =
            if has("permission denied while trying to connect") {
                .permissionDenied
            } else if has("cannot connect to the docker daemon", "error during connect", "is the docker daemon running")
            {
                .engineUnreachable
            } else if has("no such image", "unable to find image", "no such image:") {
                .imageMissing
            } else if has(
                "exec format error", "executable file not found", "no command specified",
                "oci runtime create failed: runc create failed: unable to start container process: exec")
            {
                .imageUnusable
            } else if has("is already in use by container", "conflict. the container name") {
                .nameTaken
            } else if has("no space left on device") {
                .diskFull
            } else if has(
                "could not find an available, non-overlapping ipv4",
                "predefined address pools have been fully subnetted")
            {
                .addressPoolExhausted
            } else if has(
                "invalid mount config", "bind source path does not exist", "error mounting", "invalid volume",
                "invalid argument \"type=")
            {
                .mount
            } else if has("no such container", "no such network", "no such object")
                || (lower.contains("network") && lower.contains("not found"))
            {
                .noSuchObject
            } else {
                .other
            }
        return DockerFailure(kind: kind, message: message.isEmpty ? "docker failed without a message" : message)
    }
}

extension String {
    fileprivate func replacingPrefix(_ prefix: String, with other: String) -> String {
        hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
    }
}
