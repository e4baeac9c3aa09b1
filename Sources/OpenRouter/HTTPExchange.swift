package import Foundation
package import PreflightCore
import Synchronization

#if canImport(FoundationNetworking)
    package import FoundationNetworking
#else
    package import Foundation
#endif

/// One request and its answer over URLSession, in bounded time.
///
/// URLSession's own `data(for:)` must not be used where a task may be cancelled: cancelling holds the task's lock and
/// waits for the session's queue, while that queue, about to deliver the answer, waits for the task's lock. Here the
/// answer is taken by whoever comes first, and the transfer is cancelled from a queue of its own.
package enum HTTPExchange {
    package struct Answer: Sendable {
        package var status: Int
        /// Names in lower case.
        package var headers: [String: String]
        package var body: [UInt8]
    }

    package enum Failure: Error, Sendable {
        case timedOut
        case cancelled
        case notHTTP
        case transport(URLError)
    }

    /// - Parameter limit: for the whole exchange: URLSession's own timeout starts anew with every byte.
    package static func perform(
        _ request: URLRequest, session: URLSession, delegate: (any URLSessionTaskDelegate & Sendable)? = nil,
        within limit: Duration
    ) async throws(Failure) -> Answer {
        let outcome = await withTaskGroup(of: Result<Answer, Failure>?.self) { group in
            group.addTask { await transfer(request, session, delegate) }
            group.addTask {
                do { try await ContinuousClock().sleep(for: limit) } catch { return nil }
                return .failure(.timedOut)
            }
            defer { group.cancelAll() }
            for await first in group {
                if let first { return first }
            }
            return .failure(.cancelled)
        }
        return try outcome.get()
    }

    /// GET of one address; for health checks.
    ///
    /// - Parameter followsRedirects: false where the answer is wanted of that address alone, and a key goes to no other.
    package static func get(
        _ url: String, headers: [String: Secret] = [:], followsRedirects: Bool = true, within limit: Duration
    ) async throws(Failure) -> Answer {
        guard let url = URL(string: url), ["http", "https"].contains(url.scheme), url.host != nil else {
            throw .transport(URLError(.badURL))
        }
        var request = request(to: url, within: limit)
        for (name, value) in headers { request.setValue(value.reveal(), forHTTPHeaderField: name) }
        return try await perform(
            request, session: .shared, delegate: followsRedirects ? nil : Unredirected(), within: limit)
    }

    /// POST of a JSON body to one address, and to no other that it may name. With a bearer token where one is given.
    package static func post(
        _ url: String, body: [UInt8], bearer: Secret? = nil, within limit: Duration
    ) async throws(Failure) -> Answer {
        guard let url = URL(string: url) else { throw .transport(URLError(.badURL)) }
        var request = request(to: url, within: limit)
        request.httpMethod = "POST"
        request.httpBody = Data(body)
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        if let bearer { request.setValue("Bearer \(bearer.reveal())", forHTTPHeaderField: "Authorization") }
        return try await perform(request, session: .shared, delegate: Unredirected(), within: limit)
    }

    /// URLSession gives up after 60 seconds without a byte unless it is told otherwise: slow answers need longer, and
    /// ours is the limit that counts.
    package static func request(to url: URL, within limit: Duration) -> URLRequest {
        var request = URLRequest(url: url)
        request.timeoutInterval = Double(limit.components.seconds) + 1
        return request
    }

    private static func transfer(
        _ request: URLRequest, _ session: URLSession, _ delegate: (any URLSessionTaskDelegate & Sendable)?
    ) async -> Result<Answer, Failure> {
        let waiter = Waiter()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard waiter.begin(continuation) else { return }
                let task = session.dataTask(with: request) { data, response, error in
                    waiter.finish(result(data, response, error))
                }
                task.delegate = delegate
                waiter.onCancel { DispatchQueue.global().async { task.cancel() } }
                task.resume()
            }
        } onCancel: {
            waiter.cancel()
        }
    }

    private static func result(_ data: Data?, _ response: URLResponse?, _ error: (any Error)?) -> Result<
        Answer, Failure
    > {
        if let error { return .failure(.transport(error as? URLError ?? URLError(.unknown))) }
        guard let http = response as? HTTPURLResponse else { return .failure(.notHTTP) }
        var headers: [String: String] = [:]
        for (name, value) in http.allHeaderFields {
            if let name = name as? String, let value = value as? String { headers[name.lowercased()] = value }
        }
        return .success(Answer(status: http.statusCode, headers: headers, body: data.map { [UInt8]($0) } ?? []))
    }
}

/// Takes an answer that names another address as the answer.
private final class Unredirected: NSObject, URLSessionTaskDelegate {
    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        completionHandler(nil)
    }
}

/// Hands one result to one continuation, whoever brings it first.
private final class Waiter: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Result<HTTPExchange.Answer, HTTPExchange.Failure>, Never>?
        var isDone = false
        var cancelTransfer: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// False, with the continuation resumed, when the task is cancelled already.
    func begin(_ continuation: CheckedContinuation<Result<HTTPExchange.Answer, HTTPExchange.Failure>, Never>) -> Bool {
        let isDone = state.withLock { state in
            if !state.isDone { state.continuation = continuation }
            return state.isDone
        }
        if isDone { continuation.resume(returning: .failure(.cancelled)) }
        return !isDone
    }

    func onCancel(_ cancelTransfer: @escaping @Sendable () -> Void) {
        let isDone = state.withLock { state in
            if !state.isDone { state.cancelTransfer = cancelTransfer }
            return state.isDone
        }
        if isDone { cancelTransfer() }
    }

    func finish(_ result: Result<HTTPExchange.Answer, HTTPExchange.Failure>) {
        take()?.continuation?.resume(returning: result)
    }

    func cancel() {
        guard let state = take() else { return }
        state.cancelTransfer?()
        state.continuation?.resume(returning: .failure(.cancelled))
    }

    /// The state as it was, the first time. Nothing is resumed while the lock is held.
    private func take() -> State? {
        state.withLock { state in
            guard !state.isDone else { return nil }
            let before = state
            state = State(isDone: true)
            return before
        }
    }
}
