import NIOCore
import PreflightCore

extension GatewaySettings.Patience {
    /// Sets what is not nil. Longer than a year counts as a year.
    package mutating func take(
        connect: Duration? = nil, firstByte: Duration? = nil, betweenBytes: Duration? = nil, total: Duration? = nil,
        client: Duration? = nil, idle: Duration? = nil, headroom: Duration? = nil, coolDown: Duration? = nil,
        outage: Duration? = nil
    ) {
        self.connect = connect.map(Self.amount) ?? self.connect
        self.firstByte = firstByte.map(Self.amount) ?? self.firstByte
        self.betweenBytes = betweenBytes.map(Self.amount) ?? self.betweenBytes
        self.total = total.map(Self.amount) ?? self.total
        self.client = client.map(Self.amount) ?? self.client
        self.idle = idle.map(Self.amount) ?? self.idle
        self.headroom = headroom.map { min($0, Self.longest) } ?? self.headroom
        self.coolDown = coolDown.map(Self.amount) ?? self.coolDown
        if let outage { self.outage.limit = min(outage, Self.longest) }
    }

    private static let longest = Duration.seconds(365 * 86_400)

    private static func amount(_ duration: Duration) -> TimeAmount { TimeAmount(min(duration, longest)) }
}
