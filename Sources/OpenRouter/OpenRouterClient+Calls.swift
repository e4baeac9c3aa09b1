import Foundation
import PreflightCore

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

extension OpenRouterClient {
    /// A request, before it is put on the wire.
    struct Call: Sendable {
        var method = "GET"
        var path: String
        var query: [(String, String)] = []
        var body: JSON?
        var headers: [(String, String)] = []
        var timeout = Duration.seconds(15)
        var safety = RetryPolicy.Safety.repeatable
        var sendsKey = true

        var name: String { "\(method) \(path)" }
    }

    struct Answer: Sendable {
        var json: JSON
        var headers: [String: String]
    }

    /// Makes the call, repeating it where that is safe, and gives the JSON of a 2xx answer.
    func send(_ call: Call) async throws(OpenRouterError) -> Answer {
        var attempt = 1
        while true {
            do throws(OpenRouterError) {
                return try await attemptOnce(call)
            } catch {
                guard !Task.isCancelled, let delay = retry.delay(after: error, attempt: attempt, safety: call.safety)
                else { throw error }
                do { try await clock.sleep(for: delay) } catch {
                    throw OpenRouterError(kind: .interrupted, call: call.name, message: "cancelled")
                }
                attempt += 1
            }
        }
    }

    private func attemptOnce(_ call: Call) async throws(OpenRouterError) -> Answer {
        let request = try request(for: call)
        let answer: HTTPExchange.Answer
        do throws(HTTPExchange.Failure) {
            answer = try await HTTPExchange.perform(request, session: session, within: call.timeout)
        } catch {
            throw Self.translate(error, call)
        }
        guard (200..<300).contains(answer.status) else {
            throw OpenRouterError(
                call: call.name, status: answer.status, body: answer.body, retryAfter: answer.headers["retry-after"],
                date: answer.headers["date"])
        }
        guard let json = try? JSON.parse(answer.body) else {
            throw OpenRouterError(
                kind: .unreadable, call: call.name, status: answer.status,
                message: OpenRouterError.message(in: answer.body))
        }
        return Answer(json: json, headers: answer.headers)
    }

    private func request(for call: Call) throws(OpenRouterError) -> URLRequest {
        var components = URLComponents(string: baseURL + call.path)
        if !call.query.isEmpty {
            components?.queryItems = call.query.map { URLQueryItem(name: $0.0, value: $0.1) }
        }
        guard let url = components?.url, let scheme = url.scheme, ["http", "https"].contains(scheme), url.host != nil
        else {
            throw OpenRouterError(kind: .unreachable, call: call.name, message: "'\(baseURL)' is no HTTP address")
        }
        var request = URLRequest(url: url)
        request.httpMethod = call.method
        request.timeoutInterval = Double(call.timeout.components.seconds) + 1
        if call.sendsKey { request.setValue("Bearer \(key.reveal())", forHTTPHeaderField: "Authorization") }
        request.setValue("application/json", forHTTPHeaderField: "Accept")
        for (name, value) in call.headers { request.setValue(value, forHTTPHeaderField: name) }
        if let body = call.body {
            request.httpBody = Data(body.bytes)
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        }
        return request
    }

    private static func translate(_ failure: HTTPExchange.Failure, _ call: Call) -> OpenRouterError {
        func error(_ kind: OpenRouterError.Kind, _ message: String) -> OpenRouterError {
            OpenRouterError(kind: kind, call: call.name, message: message)
        }
        switch failure {
        case .cancelled: return error(.interrupted, "cancelled")
        case .timedOut: return error(.interrupted, "no answer within \(call.timeout.shortText)")
        case .notHTTP: return error(.unreadable, "the answer is not HTTP")
        case .transport(let cause):
            switch cause.code {
            case .cannotConnectToHost, .cannotFindHost, .dnsLookupFailed, .notConnectedToInternet, .unsupportedURL,
                .badURL, .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate,
                .serverCertificateHasUnknownRoot, .serverCertificateNotYetValid:
                return error(.unreachable, "cannot connect: \(text(cause))")
            case .timedOut: return error(.interrupted, "no answer in time")
            default: return error(.interrupted, "connection lost: \(text(cause))")
            }
        }
    }

    private static func text(_ error: URLError) -> String {
        (error as NSError).userInfo[NSLocalizedDescriptionKey] as? String ?? "code \(error.code.rawValue)"
    }
}
