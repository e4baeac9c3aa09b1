import Containers
import Foundation
import OpenRouter
import PreflightCore

/// Questions about what an experiment stands on: services, variables, containers, tools.
enum InfrastructureChecks {
    static func envVars(_ names: [String], environment: [String: String]) -> CheckResult {
        let missing = names.filter { (environment[$0] ?? "").isEmpty }
        return missing.isEmpty
            ? CheckResult("env_vars", .pass, "\(names.count) set")
            : CheckResult(
                "env_vars", .fail, "not set: \(missing.joined(separator: ", "))",
                hint: "export \(missing.map { "\($0)=…" }.joined(separator: " ")), or put them into .env")
    }

    static func dockerHealth(_ names: [String], docker: Docker) async -> CheckResult {
        var bad: [String] = []
        for name in names {
            do {
                let container = try await docker.container(name)
                if !container.isRunning {
                    bad.append("\(name): not running (exit code \(container.exitCode))")
                } else if let health = container.health, health != "healthy" {
                    bad.append("\(name): \(health)")
                }
            } catch {
                bad.append("\(name): \(error)")
            }
        }
        return bad.isEmpty
            ? CheckResult("docker_health", .pass, "\(names.joined(separator: ", ")) running")
            : CheckResult(
                "docker_health", .fail, "\(bad.count) of \(names.count) not well", lines: bad,
                hint: "look at `docker ps` and `docker logs NAME`")
    }

    static func gitVersion(_ minimum: String, runner: ProcessRunner) async -> CheckResult {
        do {
            let result = try await runner.run("git", ["--version"], timeout: .seconds(10))
            let version = result.stdoutText.split(separator: " ").first { $0.first?.isNumber ?? false }.map {
                $0.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            guard result.isSuccess, let version else {
                return CheckResult(
                    "git_version", .fail, "git gives no version", hint: "install git \(minimum) or newer")
            }
            return Version(version) >= Version(minimum)
                ? CheckResult("git_version", .pass, "git \(version), needs \(minimum)")
                : CheckResult(
                    "git_version", .fail, "git \(version), needs \(minimum)", hint: "install git \(minimum) or newer")
        } catch {
            return CheckResult("git_version", .fail, "there is no git", hint: "install git \(minimum) or newer")
        }
    }

    static func httpHealth(_ checks: [Experiment.HTTPHealth]) async -> CheckResult {
        let bad = await withTaskGroup(of: String?.self) { group in
            for check in checks { group.addTask { await problem(check).map { "\(check.name): \($0)" } } }
            return await group.reduce(into: [String]()) { if let text = $1 { $0.append(text) } }.sorted()
        }
        return bad.isEmpty
            ? CheckResult("http_health", .pass, "\(checks.map(\.name).joined(separator: ", ")) well")
            : CheckResult(
                "http_health", .fail, "\(bad.count) of \(checks.count) not well", lines: bad,
                hint: "start the service, or correct `checks.http_health`")
    }

    private static func problem(_ check: Experiment.HTTPHealth) async -> String? {
        let answer: HTTPExchange.Answer
        do throws(HTTPExchange.Failure) {
            answer = try await HTTPExchange.get(check.url, within: check.timeout)
        } catch {
            return switch error {
            case .timedOut, .cancelled: "no answer within \(check.timeout.shortText)"
            case .notHTTP: "'\(check.url)' does not speak HTTP"
            case .transport: "no connection to \(check.url)"
            }
        }
        guard (200..<300).contains(answer.status) else { return "HTTP \(answer.status)" }
        guard !check.fields.isEmpty || check.minimumVersion != nil else { return nil }
        guard let json = try? JSON.parse(answer.body) else { return "the answer is no JSON" }
        for field in check.fields {
            let value = json.at(field.name)
            guard let text = value?.plainText else { return "field \(field.name) is missing" }
            guard text == field.value else { return "\(field.name) is \(text.prefix(80)), not \(field.value)" }
        }
        if let minimum = check.minimumVersion {
            guard let version = json.at(check.versionField)?.plainText else {
                return "field \(check.versionField) is missing"
            }
            guard Version(version) >= Version(minimum) else { return "version \(version.prefix(40)), needs \(minimum)" }
        }
        return nil
    }
}

extension JSON {
    /// Steps into objects at dots: `status.database`.
    fileprivate func at(_ path: String) -> JSON? {
        path.split(separator: ".").reduce(Optional(self)) { $0?[String($1)] }
    }

    fileprivate var plainText: String? {
        switch self {
        case .string(let text), .number(let text): text
        case .bool(let value): value ? "true" : "false"
        default: nil
        }
    }
}
