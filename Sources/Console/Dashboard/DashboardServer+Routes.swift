import PreflightCore
import Reports
import Store

extension DashboardServer {
    /// The answer to a request; whatever goes wrong is an answer too.
    func answer(_ call: ConsoleCall) async -> ConsoleAnswer {
        var answer: ConsoleAnswer
        do throws(ConsoleFailure) {
            // The page itself says nothing of any run.
            let file = PageFile.all[call.path]
            var call = call
            // A link to it may stand anywhere: following it shows nothing without the token that comes with it.
            if call.path == "/" { call.site = nil }
            try gate.check(call, isPublic: file != nil)
            if file == nil { admitted() }
            guard ["GET", "HEAD"].contains(call.method) else {
                throw ConsoleFailure(405, "the dashboard changes nothing: it takes GET alone")
            }
            answer = if let file { ConsoleAnswer(file.body) } else { try await route(call) }
        } catch {
            answer = ConsoleAnswer(error)
        }
        answer.headers += Self.headers
        return answer
    }

    /// Nothing from elsewhere, nothing inline, and no frame around it.
    private static let headers = [
        (
            name: "Content-Security-Policy",
            value: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
                + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        (name: "Referrer-Policy", value: "no-referrer"), (name: "X-Frame-Options", value: "DENY"),
        (name: "Cross-Origin-Resource-Policy", value: "same-origin"),
        (name: "Cross-Origin-Opener-Policy", value: "same-origin"),
    ]

    private func route(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        switch call.path {
        case "/api/runs":
            let start = try number("from", call) ?? 0
            return ConsoleAnswer(try await asking { try await shelf.list(from: start) })
        case "/api/run":
            let watch = try await watch(call)
            return ConsoleAnswer(await watch.news(since: nil).parts ?? .object(JSON.Object()))
        case "/api/stream": return try await stream(call)
        case "/api/trial": return try await trial(call)
        case "/api/spend": return try await spendChart(call)
        case "/api/timeline": return try await timeline(call)
        case "/api/lines": return try await lines(call)
        case "/api/line": return try await line(call)
        default: throw ConsoleFailure(404, "there is nothing at \(call.path.prefix(200))")
        }
    }

    func asking<Value>(_ body: () async throws -> Value) async throws(ConsoleFailure) -> Value {
        do { return try await body() } catch { throw ConsoleFailure(error, isMissing: true) }
    }

    func number(_ name: String, _ call: ConsoleCall) throws(ConsoleFailure) -> Int? {
        guard let text = call.parameter(name) else { return nil }
        guard let value = Int(text), value >= 0 else { throw ConsoleFailure(400, "\(name) is a whole number") }
        return value
    }

    /// The run that a request names, as it is now.
    func watch(_ call: ConsoleCall) async throws(ConsoleFailure) -> RunWatch {
        let name = try call.requiredParameter("run")
        return try await asking {
            let watch = try await shelf.watch(name)
            try await watch.refresh()
            return watch
        }
    }

    /// The attempt that a request names; the newest without a number. Names are looked for among those of the run, so
    /// that no path is made of what a request says.
    func attempt(
        _ call: ConsoleCall
    ) async throws(ConsoleFailure) -> (watch: RunWatch, view: RunView, trial: TrialSummary, attempt: TrialAttempt) {
        let watch = try await watch(call)
        let alias = try call.requiredParameter("trial")
        guard let view = await watch.view, let trial = view.trials.first(where: { $0.alias == alias }) else {
            throw ConsoleFailure(404, "there is no trial '\(alias.prefix(80))' in \(watch.id)")
        }
        let number = try number("attempt", call) ?? trial.attempt.number
        guard number >= 1, number <= trial.attempt.number else {
            throw ConsoleFailure(404, "\(alias) has \(trial.attempt.number) attempts")
        }
        return (watch, view, trial, TrialAttempt(alias: alias, number: number))
    }

    /// - Parameter name: of the picture's width or height, in pixels.
    private func size(
        _ name: String, _ standard: Int, _ range: ClosedRange<Int>, _ call: ConsoleCall
    ) throws(ConsoleFailure) -> Int {
        min(max(try number(name, call) ?? standard, range.lowerBound), range.upperBound)
    }

    private func picture(_ markup: Markup) -> ConsoleAnswer {
        ConsoleAnswer(.bytes(Array(markup.text.utf8), contentType: "image/svg+xml"))
    }

    private func spendChart(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        let watch = try await watch(call)
        let width = try size("width", 900, 280...2400, call)
        let height = try size("height", 300, 160...1200, call)
        let traces = await watch.allTraces
        let trials = await watch.view?.trials ?? []
        // Those that spend most get a colour of their own.
        let ranks = trials.sorted { $0.cost > $1.cost }.map(\.alias)
        let lines = trials.compactMap { trial -> SpendChart.Line? in
            guard let trace = traces[trial.attempt.name] else { return nil }
            return SpendChart.Line(
                name: trial.alias, curve: trace.curve, cap: trial.budget,
                colour: ranks.firstIndex(of: trial.alias) ?? .max)
        }
        return picture(SpendChart(lines, width: width, height: height).svg(id: "spend"))
    }

    private func timeline(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        let (watch, _, trial, attempt) = try await attempt(call)
        let width = try size("width", 900, 280...2400, call)
        let trace = await watch.trace(attempt)
        var end = trace.elapsed
        if attempt == trial.attempt, trial.isRunning, let began = trace.startedAt {
            end = max(end, doors.now() - began)
        }
        return picture(TrialChart(trace, end: end, width: width).svg(id: "timeline"))
    }

    private func trial(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        let (watch, view, trial, attempt) = try await attempt(call)
        let trace = await watch.trace(attempt)
        let directory = RunDirectory(path: view.directory, id: view.id).trial(attempt)
        let summary = attempt == trial.attempt ? trial : trial.earlier[attempt.number - 1]
        let began = trace.startedAt ?? summary.startedAt ?? doors.now()
        // Its agent may have filled it with any number.
        let output = Files.list(directory.outputPath, atMost: options.bounds.outputNames)
        return ConsoleAnswer(
            .record([
                "row": TrialRow.json(summary, trace: trace), "attempt": .int(attempt.number),
                "attempts": .int(trial.attempt.number),
                "marks": .array(trace.marks.reversed().map { VerdictRows.json($0, trial.alias, began) }),
                "context": .object(
                    JSON.Object(
                        trace.state.context.sorted { $0.key < $1.key }.prefix(40).map {
                            .init(key: $0.key, value: $0.value)
                        })),
                "last_stderr": .strings(summary.lastStderr.map(PlainText.oneLine)),
                "left": .strings(summary.left), "exit_code": summary.exitCode.map(JSON.int),
                "lines_not_kept": .int(trace.state.linesNotKept), "calls": .int(trace.calls.count),
                "output": .strings(output.sorted().prefix(200).map(PlainText.oneLine)),
                "directory": .string(directory.path),
            ]))
    }

    private func lines(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        let (file, pages) = try await pages(call)
        let filter = LineFilter(String((call.parameter("filter") ?? "").prefix(1000)))
        var bounds = LinePages.Bounds()
        bounds.lines = min(max(try number("limit", call) ?? 200, 1), options.bounds.lines)
        // An event is read whole before it is shown in short.
        bounds.lineBytes = file == .events ? 1 << 20 : options.bounds.lineBytes
        let after = try number("after", call)
        let before = try number("before", call)
        let limits = bounds
        let page = try await asking {
            func matches(_ line: UnsafeRawBufferPointer) -> Bool { filter.isEmpty || filter.matches(line) }
            return if let after {
                try pages.forward(from: after, bounds: limits, matching: matches)
            } else {
                try pages.backward(before: before, bounds: limits, matching: matches)
            }
        }
        return ConsoleAnswer(LinesAnswer.json(page, file))
    }

    private func line(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        let (file, pages) = try await pages(call)
        guard let offset = try number("offset", call) else { throw ConsoleFailure(400, "offset is missing") }
        guard let line = try await asking({ try pages.line(at: offset) }), line.offset == offset else {
            throw ConsoleFailure(404, "there is no line at \(offset)")
        }
        return ConsoleAnswer(LinesAnswer.whole(line, file))
    }

    private func pages(_ call: ConsoleCall) async throws(ConsoleFailure) -> (LinesAnswer.File, LinePages) {
        let (_, view, _, attempt) = try await attempt(call)
        let name = call.parameter("file") ?? "events"
        guard let file = LinesAnswer.File(rawValue: name) else {
            throw ConsoleFailure(400, "file is events or log, not '\(name.prefix(40))'")
        }
        let directory = RunDirectory(path: view.directory, id: view.id).trial(attempt)
        return (file, LinePages(path: LinesAnswer.path(file, directory)))
    }
}
