import PreflightCore

/// Who may ask for what. Decided from the request alone.
struct ConsoleGuard: Sendable {
    let token: Secret
    let isLoopback: Bool
    /// Reading needs the token too, on this machine as well: others may have accounts here.
    var isPrivate = false

    /// - Parameter isPublic: what anybody may read, wherever the console listens.
    func check(_ call: ConsoleCall, isPublic: Bool = false) throws(ConsoleFailure) {
        try checkPage(call)
        let changes = !call.isReading
        if changes, !call.body.isEmpty {
            let type = call.contentType?.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
            guard type == "application/json" else {
                throw ConsoleFailure(
                    415, "the body must be JSON", hint: "send the field Content-Type: application/json")
            }
        }
        if changes || !(isPublic || isLoopback && !isPrivate) { try checkToken(call) }
    }

    func isAdministrator(_ call: ConsoleCall) -> Bool { call.bearer.map { token.isSame(as: $0) } ?? false }

    private func checkToken(_ call: ConsoleCall) throws(ConsoleFailure) {
        guard call.bearer != nil else {
            throw ConsoleFailure(
                401, isPrivate ? "this needs the page's token" : "this needs the administrator's token",
                hint: "send the field Authorization: Bearer TOKEN")
        }
        guard isAdministrator(call) else {
            throw ConsoleFailure(
                401, isPrivate ? "this is not the page's token" : "this is not the administrator's token")
        }
    }

    /// A page of another site, open in a browser on this machine, must not speak to a console that trusts the machine:
    /// neither by its own name nor by one that was bent to mean 127.0.0.1.
    private func checkPage(_ call: ConsoleCall) throws(ConsoleFailure) {
        if isLoopback {
            guard let host = call.host, LoopbackName.matches(LoopbackName.name(inAuthority: host)) else {
                throw ConsoleFailure(
                    403, "this console is of this machine only", hint: "call it by 127.0.0.1 or localhost")
            }
        }
        if let site = call.site?.lowercased(), site != "same-origin", site != "none" {
            throw ConsoleFailure(403, "pages of other sites are not served")
        }
        guard let origin = call.origin else { return }
        let authority = origin.split(separator: "/").last.map(String.init)
        guard origin.hasPrefix("http://") || origin.hasPrefix("https://"), let authority, authority == call.host else {
            throw ConsoleFailure(403, "pages of other sites are not served")
        }
    }
}
