import PreflightCore

/// A run as traces of OpenTelemetry, in OTLP's JSON: the run is the resource, each attempt at a trial a trace of its own
/// with a span for the trial, for each call to a model and for each tool.
///
/// Names are those of the semantic conventions for generative AI; what they have no name for begins with `preflight.`.
package struct OTLPExport {
    let report: RunReport
    /// Takes a line: an `ExportTraceServiceRequest` that a collector's `/v1/traces` takes as it is.
    let write: (String) throws -> Void

    static let batch = 200

    package init(_ report: RunReport, write: @escaping (String) throws -> Void) {
        self.report = report
        self.write = write
    }

    /// The trials' logs are read again, one after the other.
    package func run() throws {
        for trial in report.trials {
            for attempt in trial.attempts { try export(attempt) }
        }
    }

    private func export(_ attempt: AttemptReport) throws {
        var spans: [OTLPSpan] = []
        // Reading goes on after a failure to write, and is for nothing then.
        var failure: (any Error)?
        func give(_ span: OTLPSpan) {
            guard failure == nil else { return }
            spans.append(span)
            guard spans.count >= Self.batch else { return }
            do { try send(spans) } catch { failure = error }
            spans.removeAll(keepingCapacity: true)
        }
        var maker = OTLPSpanMaker(run: report.id, attempt: attempt)
        var tools = ToolFold()
        var first: Event?
        var last: Event?
        attempt.again { event in
            first = first ?? event
            last = event
            tools.take(event) {
                give(maker.span(of: $0))
            }
        } call: { call in
            give(maker.span(of: call))
        }
        tools.finish {
            give(maker.span(of: $0))
        }
        if let first, let last {
            give(maker.trial(from: first.timestamp + (.zero - first.elapsed), to: last.timestamp))
        }
        if let failure { throw failure }
        if !spans.isEmpty { try send(spans) }
    }

    private func send(_ spans: [OTLPSpan]) throws {
        let made = report.provenance
        var resource: [(String, OTLPSpan.Value)] = [
            ("service.name", .text("preflight")), ("preflight.run.id", .text(report.id)),
        ]
        func set(_ key: String, _ value: String?) { if let value { resource.append((key, .text(value))) } }
        set("service.version", made.preflight)
        set("preflight.experiment.name", report.title)
        set("preflight.experiment.sha256", made.experimentDigest)
        set("preflight.prompt.sha256", made.promptDigest)
        set("container.image.name", made.image)
        set("container.image.id", made.imageID)
        if !made.imageDigests.isEmpty {
            resource.append(("container.image.repo_digests", .texts(made.imageDigests)))
        }
        set("container.runtime.version", made.docker)
        set("preflight.prices.at", made.pricesAt?.iso8601)
        let request: JSON = [
            "resourceSpans": [
                [
                    "resource": ["attributes": OTLPSpan.json(resource)],
                    "scopeSpans": [
                        [
                            "scope": .record(["name": "preflight", "version": made.preflight.map(JSON.string)]),
                            "spans": .array(spans.map(\.json)),
                        ]
                    ],
                ]
            ]
        ]
        try write(request.text + "\n")
    }
}
