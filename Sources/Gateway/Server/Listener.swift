import NIOCore
package import PreflightCore

/// One address that callers come in by, and what they may do there.
package struct Listener: Sendable {
    package var name: String
    /// Only keys bound to this listener are good here.
    package var wantsBoundKeys: Bool
    /// Where CONNECT may lead; nil refuses it.
    package var tunnels: TunnelPolicy?
    /// Whether calls may be made now; nil for always. Asked on every call, so it must be quick.
    package var mayCall: (@Sendable () -> Bool)?
    /// What its owner does to the calls; nil where nobody does.
    package var control: CallControl?

    package init(
        name: String, wantsBoundKeys: Bool = false, tunnels: TunnelPolicy? = nil, control: CallControl? = nil,
        mayCall: (@Sendable () -> Bool)? = nil
    ) {
        self.mayCall = mayCall
        self.control = control
        self.name = name
        self.wantsBoundKeys = wantsBoundKeys
        self.tunnels = tunnels
    }
}

/// A listener that accepts connections.
package struct BoundListener: Sendable {
    package let listener: Listener
    package let host: String
    package let port: Int
    let channel: any Channel
}
