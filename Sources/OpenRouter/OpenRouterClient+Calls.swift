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

    /// Answers above this are not read to the end: no answer of this API is larger.
    static var maximumAnswer: Int { 64 << 20 }

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
        let (data, response) = try await transfer(request, call)
        guard let http = response as? HTTPURLResponse else {
            throw OpenRouterError(kind: .unreadable, call: call.name, message: "the answer is not HTTP")
        }
        let body = [UInt8](data)
        guard (200..<300).contains(http.statusCode) else {
            throw OpenRouterError(
                call: call.name, status: http.statusCode, body: body,
                retryAfter: http.value(forHTTPHeaderField: "Retry-After"))
        }
        guard let json = try? JSON.parse(body) else {
            throw OpenRouterError(
                kind: .unreadable, call: call.name, status: http.statusCode,
                message: OpenRouterError.message(in: body))
        }
        var headers: [String: String] = [:]
        for (name, value) in http.allHeaderFields {
            if let name = name as? String, let value = value as? String { headers[name.lowercased()] = value }
        }
        return Answer(json: json, headers: headers)
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

    /// URLSession's own timeout starts anew with every byte, so a server that drips would hold a call for ever.
    private func transfer(_ request: URLRequest, _ call: Call) async throws(OpenRouterError) -> (Data, URLResponse) {
        let session = session
        do {
            return try await withThrowingTaskGroup(of: (Data, URLResponse)?.self) { group in
                group.addTask { try await session.data(for: request) }
                group.addTask {
                    try await ContinuousClock().sleep(for: call.timeout)
                    return nil
                }
                defer { group.cancelAll() }
                guard let first = try await group.next(), let answer = first else { throw URLError(.timedOut) }
                guard answer.0.count <= Self.maximumAnswer else { throw URLError(.dataLengthExceedsMaximum) }
                return answer
            }
        } catch {
            throw Self.translate(error, call)
        }
    }

    private static func translate(_ error: any Error, _ call: Call) -> OpenRouterError {
        guard let error = error as? URLError else {
            return OpenRouterError(kind: .interrupted, call: call.name, message: "cancelled")
        }
        switch error.code {
        case .cannotConnectToHost, .cannotFindHost, .dnsLookupFailed, .notConnectedToInternet, .unsupportedURL,
            .badURL, .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate,
            .serverCertificateHasUnknownRoot, .serverCertificateNotYetValid:
            return OpenRouterError(kind: .unreachable, call: call.name, message: "cannot connect: \(text(error))")
        case .timedOut:
            return OpenRouterError(
                kind: .interrupted, call: call.name, message: "no answer within \(call.timeout.shortText)")
        case .dataLengthExceedsMaximum:
            return OpenRouterError(kind: .unreadable, call: call.name, message: "the answer is too large")
        default:
            return OpenRouterError(kind: .interrupted, call: call.name, message: "connection lost: \(text(error))")
        }
    }

    private static func text(_ error: URLError) -> String {
        (error as NSError).userInfo[NSLocalizedDescriptionKey] as? String ?? "code \(error.code.rawValue)"
    }
}
