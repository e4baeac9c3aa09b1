package import PreflightCore

extension FuzzTarget {
    package static let experimentWords = [
        "name", "image", "models", "repeat", "budget", "per_trial", "total", "network", "allow", "mounts", "env",
        "limits",
        "wall", "memory", "none", "checks", "eject", "any", "all", "not", "after", "idle", "180s", "25%", "unless",
        "tool_calls > 0", "command", "run", "null", "~", "[", "{", ": ", "- ", "\n  ", "&a ", "*a", "!!int ", "|",
        "1e3",
        "http_health", "concurrency", "prompt", "@x", "\"", "'",
    ]

    /// What is promised of an experiment that could be read from a tree.
    package static func brokenPromise(ofTree tree: JSON) -> String? {
        var promises = Promises()
        do throws(PreflightError) {
            let experiment = try Experiment(tree: tree)
            if experiment.problems().isEmpty { _ = experiment.trials().count }
            let record = experiment.tree
            do throws(PreflightError) {
                let again = try Experiment(tree: record, isRecord: true)
                promises.keep(again.tree == record, "a record changes when it is read: \(record.text)")
            } catch {
                promises.keep(false, "a record cannot be read: \(error.message)")
            }
            promises.keep(!record.text.contains("NUL-secret"), "a value of env is in the record")
        } catch {
            promises.keep(error.code == .usage && !error.message.isEmpty, "a refusal without a word")
        }
        return promises.broken
    }

    /// Trees of experiment files.
    package static let experiments = FuzzTarget(
        "experiments", words: experimentWords.map { "\"\($0)\"" } + ["{", "}", "[", "]", ":", ",", "-1", "null"],
        seeds: {
            [
                #"{"name":"k","image":"i","models":["a/b",{"id":"c/d","alias":"x","budget":"0.50"}],"repeat":2,"budget":{"per_trial":0.25,"total":"1","file":"detailed","hold":"adaptive"},"access":"gateway","network":["pypi.org","*.debian.org:80"],"concurrency":8,"prompt":"TASK.md","mounts":["./a:/b:ro","type=bind,source=/x,target=/y"],"env":{"GAME":"k"},"args":["x"],"limits":{"wall":"30m","memory":"2g","cpus":1.5,"pids":"none","log":"1m","capabilities":["NET_RAW"]}}"#,
                #"{"checks":{"require":["tools"],"only":"math","skip":[],"custom":[{"name":"l","command":["./l"],"timeout":"30s"}],"http_health":[{"url":"http://x","fields":{"a":"b"},"minimum_version":"1.2"}],"env_vars":["A"],"git_version":"2.30"},"eject":{"any":["budget_exceeded",{"idle":"180s"},{"budget_fraction":{"at":"25%","unless":"tool_calls > 0"}},{"after":{"elapsed":"10m","then":{"not":{"errors":3}}}},{"command":{"name":"j","run":["./j"],"every":"10s"}}]}}"#,
                #"{"build":"images/agent","budget":0.1,"network":{"mode":"allowlist","allow":["a.b"]},"prompt":"Write it"}"#,
            ].map { Array($0.utf8) }
        },
        check: { bytes in (try? JSON.parse(bytes)).flatMap(brokenPromise(ofTree:)) })

    /// Eject policies and conditions, as `--eject` takes them.
    package static let policies = FuzzTarget(
        "policies",
        words: Question.names + EjectPolicy.keys + PolicyRule.keys + [
            " and ", " or ", "not ", "(", ")", "<=", "==", "!", "25%", "$0.10", "$1/min", "5m", ": ", "unless", "at",
            "context.x", "contains(", "reported(", "min(", ",", " + ", "-", " * ", " / ", "'x'", "times", "like",
            "within", "needs", "spend", "time", "5 in 1m", "notify", "steer",
        ],
        seeds: {
            [
                "tool_calls > 0 and not (spend >= $0.10)", "cache_share<25% or elapsed > 5m and (idle == 1s)",
                "idle:180s",
                "budget_exceeded", "wall: 30m", "errors: 20", #"{"any":["budget_exceeded",{"idle":"3s"}]}"#,
                #"{"budget_fraction":{"at":"25%","unless":"tool_calls > 0"}}"#, "remaining != 0.5",
                "spend / elapsed > $0.05/min and context.score * 2 < min(turns, 3) - 1",
                "contains(last_error, 'x') or not reported(context.a) and model != \"b\"",
                #"{"loop":{"times":4,"like":"90%"},"do":"steer","message":"m","hook":["./h"],"name":"n"}"#,
                #"[{"stall":{"spend":"$0.05","time":"10m"}},{"error_storm":"5 in 1m"},{"no_progress_by":{"at":"10m","needs":"turns > 3"}}]"#,
            ].map { Array($0.utf8) }
        },
        check: { bytes in
            var promises = Promises()
            let text = String(decoding: bytes, as: UTF8.self)
            var state = TrialState()
            state.budget = USD(cents: 10)
            if let question = try? Question(parsing: text) {
                promises.keep(
                    (try? Question(parsing: question.text)) == question, "a question changes: \(question.text)")
                _ = question.holds(in: state, at: .seconds(100))
            }
            for tree in [JSON.string(text), (try? JSON.parse(bytes)) ?? .null] {
                guard let policy = try? EjectPolicy(reader: TreeReader(tree)) else { continue }
                promises.keep(
                    (try? EjectPolicy(reader: TreeReader(policy.tree)))?.tree == policy.tree,
                    "a policy changes: \(policy.tree.text)")
                _ = policy.verdict(for: state, at: .seconds(100))
                let nearness = policy.nearness(for: state, at: .seconds(100))
                promises.keep((0...1000).contains(nearness.permille), "nearness of \(policy.tree.text)")
            }
            for tree in [JSON.string(text), (try? JSON.parse(bytes)) ?? .null] {
                guard let list = try? PolicyList(reader: TreeReader(tree)) else { continue }
                promises.keep(
                    (try? PolicyList(reader: TreeReader(list.tree))) == list, "rules change: \(list.tree.text)")
            }
            return promises.broken
        })

    /// Single values: times, sizes, shares, money, hosts, mounts.
    package static let values = FuzzTarget(
        "values",
        words: ["1", "9", ".", "-", "e", "s", "ms", "h", "m", "g", "%", "$", ":", "*.", "T", "Z", "GMT", "@2", ","],
        seeds: {
            [
                "1h30m", "500ms", "2g", "25%", "$0.25", "1e-12", "0.0000000075", "2026-03-12T12:00:00.5Z", "a:/b:ro",
                "type=bind,source=/x,target=/y", "*.debian.org:80", "registry.local:5000", "llama@2", "120",
                "Sun, 06 Nov 1994 08:49:37 GMT", "http://127.0.0.1:8787/api/v1", "preflight:run-1:a@2",
            ].map { Array($0.utf8) }
        },
        check: { bytes in
            var promises = Promises()
            let text = String(decoding: bytes, as: UTF8.self)
            if let amount = USD(decimal: text) {
                promises.keep(USD(decimal: amount.decimalText) == amount, "\(amount.decimalText) is read otherwise")
                promises.keep(amount == .max || USD(decimal: text, rounding: .down) ?? amount <= amount, "rounding")
                _ = (amount + amount, amount * 3, amount - amount, "\(amount)", amount.fixed(4))
            }
            if let duration = Quantity.duration(text) {
                promises.keep(duration >= .zero, "a time is negative: \(duration)")
                promises.keep(
                    Quantity.duration(duration.secondsText) == duration, "\(duration.secondsText) is read otherwise")
            }
            promises.keep((Quantity.bytes(text) ?? 0) >= 0 && (Quantity.permille(text) ?? 0) >= 0, "a size is negative")
            if let time = Timestamp(iso8601: text) {
                promises.keep(Timestamp(iso8601: time.iso8601) == time, "\(time.iso8601) is read otherwise")
            }
            if let mount = Mount(text) { promises.keep(Mount(mount.text)?.text == mount.text, "a mount changes") }
            if let host = HostPattern(text) {
                promises.keep(HostPattern(host.description) == host, "a host changes: \(host)")
                _ = TunnelPolicy.allowlist([host]).allows(host: text, port: 443)
            }
            let attempt = TrialAttempt(name: text)
            promises.keep(TrialAttempt(name: attempt.name) == attempt, "an attempt changes: \(attempt)")
            let delay = RetryAfter.delay(text, now: Timestamp(seconds: 1_773_316_800))
            promises.keep((delay ?? .zero) >= .zero, "a delay is negative")
            _ = (Names.parseSubKey(text), Names.alias(forModel: text), ContainerAddress.rewriting(text))
            return promises.broken
        })
}
