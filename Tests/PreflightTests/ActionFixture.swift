import Foundation
import PreflightCore
import Simulator
import Store
import TestSupport

/// An agent that makes call after call and tells what it was answered, and one that shows snapshots and waits.
enum ActionAgents {
    static let calls = """
        import json, os, sys, time, urllib.request as u
        def say(**fields): print(json.dumps(fields), flush=True)
        say(type="agent_start")
        for n in range(int(os.environ.get("COUNT", "6"))):
            body = {"model": os.environ["PREFLIGHT_MODEL"], "max_tokens": 60,
                    "messages": [{"role": "user", "content": "step %d" % n}]}
            while True:
                request = u.Request(os.environ["OPENROUTER_BASE_URL"] + "/chat/completions", json.dumps(body).encode(),
                                    {"Authorization": "Bearer " + os.environ["OPENROUTER_API_KEY"]})
                try:
                    answer = json.load(u.urlopen(request, timeout=100))
                    break
                except OSError as error:
                    print(error, file=sys.stderr, flush=True)
                    time.sleep(0.3)
            say(type="message_end", text=answer["choices"][0]["message"]["content"], usage=answer["usage"])
            time.sleep(0.1)
        say(type="agent_end")
        """

    static let snapshots = """
        import json, os, time
        def say(**fields): print(json.dumps(fields), flush=True)
        alias = os.environ["PREFLIGHT_ALIAS"]
        say(type="agent_start")
        for n in range({"a": 4, "b": 3, "c": 1}.get(alias, 0)): say(type="snapshot", label="s", files=n)
        time.sleep(float(os.environ.get("REST_" + alias, os.environ.get("REST", "0"))))
        say(type="agent_end")
        """
}

/// Runs of an agent whose policies do something.
protocol ActionFixture {}

extension ActionFixture {
    func events(_ bench: CommandBench, _ run: String, _ trial: String = "q") throws -> [Event] {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(bench.directory)/runs/\(run)/\(trial)/events.jsonl"))
        return [UInt8](data).split(separator: 0x0A).compactMap { Event(line: $0) }
    }

    func write(
        _ bench: CommandBench, _ agent: String, eject: String, access: String = "gateway", aliases: [String] = ["q"],
        env: String = "{}"
    ) throws {
        try bench.write("agent.py", agent)
        try bench.write(
            "e.yaml",
            """
            image: preflight-base:latest
            access: \(access)
            models: [\(aliases.map { "{id: google/gemini-2.5-flash, alias: \($0)}" }.joined(separator: ", "))]
            budget: 0.01
            args: [python3, -u, /agent.py]
            mounts: ["\(bench.directory)/agent.py:/agent.py:ro"]
            env: \(env)
            eject: \(eject)
            """)
    }

    func start(_ bench: CommandBench, _ run: String) throws -> Process {
        try bench.start(["run-multi", "e.yaml", "--run-id", run, "--skip-check", "--settle", "1s"])
    }

    func held(_ bench: CommandBench, _ run: String) async throws -> String? {
        try await bench.status(run)["trials"]?[0]?["held"]?.string
    }

    func receipt(_ bench: CommandBench, _ run: String) throws -> JSON {
        try JSON.parse(try Files.read("\(bench.directory)/runs/\(run)/summary.json"))
    }
}

extension SimulatorOptions {
    /// Every model repeats what it was told.
    var echoing: SimulatorOptions {
        var options = self
        options.scenario = SimulatorOptions().scenario
        return options
    }
}

/// An address that takes hooks: what was posted there, one request after the other.
final class HookReceiver: @unchecked Sendable {
    private let listener: CInt
    let port: UInt16
    private let lock = NSLock()
    private var bodies: [[UInt8]] = []

    /// - Parameter statuses: of the answers, in their order; the last one again and again.
    init(answering statuses: [Int]) throws {
        let opened = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(opened, $0, length) == 0 && listen(opened, 8) == 0 && getsockname(opened, $0, &length) == 0
            }
        }
        guard isBound else { throw PreflightError(.failed, "no socket: \(errno)") }
        listener = opened
        port = UInt16(bigEndian: address.sin_port)
        let thread = Thread { [self] in serve(statuses) }
        thread.start()
    }

    /// Ends the thread.
    func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        Foundation.close(listener)
    }

    var payloads: [JSON] {
        get throws { try lock.withLock { bodies }.map { try JSON.parse($0) } }
    }

    private func serve(_ statuses: [Int]) {
        var answers = 0
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { return }
            var request: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = recv(connection, &chunk, chunk.count, 0)
                guard count > 0 else { break }
                request += chunk[..<count]
                if let body = Self.body(of: request) {
                    lock.withLock { bodies.append(body) }
                    let status = statuses[min(answers, statuses.count - 1)]
                    answers += 1
                    let answer = "HTTP/1.1 \(status) x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    _ = send(connection, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
                    break
                }
            }
            Foundation.close(connection)
        }
    }

    /// Nil while it is not all there.
    private static func body(of request: [UInt8]) -> [UInt8]? {
        let text = String(decoding: request, as: UTF8.self)
        guard let head = text.range(of: "\r\n\r\n"),
            let length = text[..<head.lowerBound].lowercased().firstMatch(of: /content-length: *(\d+)/),
            let count = Int(length.output.1)
        else { return nil }
        let start = text[..<head.upperBound].utf8.count
        return request.count >= start + count ? Array(request[start..<(start + count)]) : nil
    }
}
