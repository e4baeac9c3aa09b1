import PreflightCore

/// An answer before it becomes HTTP.
struct Reply: Sendable {
    enum Body: Sendable {
        case json(JSON)
        case text(String, contentType: String)
        case stream(CompletionStream)
    }

    var status = 200
    var headers: [(name: String, value: String)] = []
    var body: Body
    /// Whether only its first half is sent.
    var isTruncated = false

    init(_ json: JSON, status: Int = 200, headers: [(name: String, value: String)] = []) {
        self.status = status
        self.headers = headers
        body = .json(json)
    }

    init(status: Int, text: String, contentType: String) {
        self.status = status
        body = .text(text, contentType: contentType)
    }

    init(stream: CompletionStream, headers: [(name: String, value: String)]) {
        self.headers = headers
        body = .stream(stream)
    }

    init(_ error: APIError, _ shape: ErrorShape = .openRouter) {
        status = error.status
        body = .json(error.json(shape))
    }

    var contentType: String {
        switch body {
        case .json: "application/json"
        case .text(_, let type): type
        case .stream: "text/event-stream"
        }
    }

    /// The whole body, where it is known in advance.
    var bytes: [UInt8]? {
        switch body {
        case .json(let json): json.bytes
        case .text(let text, _): Array(text.utf8)
        case .stream: nil
        }
    }
}
