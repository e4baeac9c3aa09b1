package import NIOCore
package import PreflightCore

/// How a gateway behaves. A value: a reload makes a new one, and calls under way keep theirs.
package struct GatewaySettings: Sendable {
    /// In the order of preference: the first serves what no route names.
    package var upstreams: [Upstream]
    package var routes: [Route] = []
    /// What a call may ask for beyond tokens, and what that may cost.
    package var allowances = Allowances()
    package var bounds = Bounds()
    package var patience = Patience()
    /// An answer shorter than this is not worth a call, unless the caller wants no more.
    package var leastOutput = 16
    /// What adaptive budgets hold at first: the length that this share of answers did not exceed, in permille.
    package var expectedPermille = 900
    /// OpenRouter is told the prices a call was reckoned with as its highest ones.
    package var sendsMaxPrice = true

    package init(upstreams: [Upstream]) { self.upstreams = upstreams }

    /// Models that certain upstreams serve.
    package struct Route: Sendable {
        /// A model's name; `*` at its end stands for anything.
        package var pattern: String
        /// Names of upstreams, tried in order.
        package var upstreams: [String]
        /// What the upstream knows the model as; nil leaves the name.
        package var model: String?

        package init(pattern: String, upstreams: [String], model: String? = nil) {
            self.pattern = pattern
            self.upstreams = upstreams
            self.model = model
        }

        func matches(_ model: String) -> Bool { ModelPattern(pattern).matches(model) }
    }

    /// What a peer can make us keep.
    package struct Bounds: Sendable {
        package var head = 64 * 1024
        package var body = 32 << 20
        /// Of an answer that is not streamed.
        package var answer = 64 << 20
        package var connections = 4096
        /// Of those, by the listener of one trial.
        package var trialConnections = 256
        package var waiting = 4096

        /// Long bodies of all requests at once, until their answers have ended, and of those of one trial. At least one
        /// of the longest is taken.
        package var bodies = 1 << 30
        package var trialBodies = 128 << 20

        package init() {}
    }

    /// How long things may take.
    package struct Patience: Sendable {
        package var connect = TimeAmount.seconds(10)
        /// From the request's last byte to the answer's first.
        package var firstByte = TimeAmount.seconds(600)
        package var betweenBytes = TimeAmount.seconds(180)
        package var total = TimeAmount.seconds(3600)
        /// A caller that neither sends nor reads.
        package var client = TimeAmount.seconds(120)
        /// For the name of a call whose caller left before the answer began.
        package var leaving = TimeAmount.seconds(5)
        /// A connection between two requests.
        package var idle = TimeAmount.seconds(600)
        /// A call that waits for money that other calls hold.
        package var headroom = Duration.seconds(120)
        /// How long an upstream that failed is left alone.
        package var coolDown = TimeAmount.seconds(20)
        /// Of a call for which every upstream fails.
        package var outage = OutageRule.none

        package init() {}
    }
}

/// A model's name, or the beginning of one with `*` behind it.
package struct ModelPattern: Sendable, Hashable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package func matches(_ model: String) -> Bool {
        text.hasSuffix("*") ? model.hasPrefix(text.dropLast()) : model == text
    }
}
