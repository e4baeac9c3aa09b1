import Foundation
import PreflightCore

/// The stages of one call, each with what the stages before it have found.
final class CallStages {
    private let name: String
    private let body: [UInt8]
    private let answer: [UInt8]
    private let event: [UInt8]
    private let catalogue: Catalogue
    private let facts: CallFacts
    private let price: CallPrice
    private let answered: AnswerFacts
    private let usage: Usage
    private var prompts = PromptLearning()
    private var outputs = OutputLearning()
    private var meter: StreamMeter

    init(name: String, body: String, catalogue: Catalogue) throws {
        self.name = name
        self.body = Array(body.utf8)
        self.catalogue = catalogue
        answer = Array(CannedAnswers.body.utf8)
        event = Array(CannedAnswers.event.utf8)
        facts = try CallFacts.read(self.body, dialect: .chat)
        price = try WorstCase.price(of: facts, in: catalogue)
        answered = AnswerReader.facts(in: answer, dialect: .chat)
        guard let usage = answered.usage else { throw PreflightError(.failed, "the canned answer has no usage") }
        self.usage = usage
        meter = StreamMeter(dialect: .chat)
        for _ in 0..<20 { settle() }
    }

    /// The stages before a call is sent, and what its end teaches.
    func ofRequest() -> [CallsBenchmark.Measure] {
        func stage(_ stage: String, _ work: @escaping () -> Void) -> CallsBenchmark.Measure {
            CallsBenchmark.Measure(stage, of: name, bytes: body.count, work)
        }
        return [
            Self.parsing(body, name),
            stage("read") { [self] in keep(try? CallFacts.read(body, dialect: .chat)) },
            stage("known") { [self] in keep(prompts.tokenBound(of: facts)) },
            stage("price") { [self] in keep(try? WorstCase.price(of: facts, in: catalogue)) },
            stage("change") { [self] in keep(try? changes.applied(to: body, facts: facts)) },
            stage("settle") { [self] in settle() },
        ]
    }

    /// The stages of an answer, whole and as a stream's event.
    func ofAnswer() -> [CallsBenchmark.Measure] {
        typealias Measure = CallsBenchmark.Measure
        return [
            Self.parsing(answer, "answer"),
            Measure("answer", of: "answer", bytes: answer.count) { [self] in
                keep(AnswerReader.facts(in: answer, dialect: .chat))
            },
            Measure("charge", of: "answer", bytes: answer.count) { [self] in
                keep(answered.charge(prices: catalogue.pricing(of: facts.model)))
            },
            Self.parsing(Array(event.dropFirst(6)), "event", as: event.count),
            Measure("stream", of: "event", bytes: event.count) { [self] in
                event.withUnsafeBytes { meter.feed($0) { keep($0.count) } }
            },
        ]
    }

    private static func parsing(_ bytes: [UInt8], _ name: String, as count: Int? = nil) -> CallsBenchmark.Measure {
        let data = Data(bytes)
        return CallsBenchmark.Measure("JSONSerialization", of: name, bytes: count ?? bytes.count, isBaseline: true) {
            keep(try? JSONSerialization.jsonObject(with: data))
        }
    }

    /// What the gateway changes in a call to OpenRouter.
    private var changes: BodyChanges { BodyChanges(maxOutputTokens: 48, maxPrice: price.maxPrice) }

    /// What a call whose cost is known teaches, and what the next one asks for.
    private func settle() {
        let subject = OutputLearning.Subject(key: "run/trial-1", model: facts.model)
        prompts.settle(facts, promptTokens: usage.promptTokens)
        outputs.settle(subject, outputTokens: usage.completionTokens)
        keep(outputs.quantile(950, of: subject))
    }
}

/// Keeps the optimiser from leaving out work whose result nobody uses.
@inline(never)
private func keep<T>(_ value: T) {}

/// A request as agents send it late in their work, put together from captured ones: a long instruction, nine tools, a
/// long document, and forty turns with a tool call each. About 48 KB.
enum LongConversation {
    static func body(captures data: URL) throws -> String {
        func request(_ name: String) throws -> JSON {
            try JSON.parse(Array(Data(contentsOf: data.appendingPathComponent("captures/\(name).request.json"))))
        }
        let agent = try request("neighbours/openai-chat-tool-call-stream-2")
        let instruction = try request("openrouter/cache_all_settings_real_api-2")["messages"]?[0]
        let document = try request("openrouter/cache_messages_anthropic_real_api-2")["messages"]?[1]
        guard let tools = agent["tools"], let turn = agent["messages"]?.array?.suffix(3), let instruction, let document
        else { throw PreflightError(.failed, "the captured requests are not as they were") }
        let turns = (0..<40).flatMap { _ in Array(turn) }
        return JSON.record([
            "model": "openai/gpt-4.1-mini", "max_tokens": 64, "tools": tools,
            "messages": .array([instruction, document] + turns),
        ]).text
    }
}
