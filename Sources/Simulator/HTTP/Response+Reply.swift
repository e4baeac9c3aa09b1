import HTTPTypes
import Hummingbird
import PreflightCore

extension Response {
    init(_ reply: Reply) throws {
        self.init(head: reply)
        switch reply.body {
        case .json, .text: body = ResponseBody(byteBuffer: ByteBuffer(bytes: reply.bytes ?? []))
        case .stream(let stream):
            body = ResponseBody { writer in
                try await stream.run(&writer)
                try await writer.finish(nil)
            }
        }
        if let length = body.contentLength { headers[.contentLength] = String(length) }
    }

    /// Sends about half of the answer, then cuts the connection.
    init(truncating reply: Reply, client: ClientConnection) throws {
        self.init(head: reply)
        switch reply.body {
        case .json, .text:
            let bytes = reply.bytes ?? []
            headers[.contentLength] = String(bytes.count)
            body = ResponseBody(contentLength: bytes.count) { writer in
                try await writer.write(ByteBuffer(bytes: bytes.prefix(bytes.count / 2)))
                await client.cut()
            }
        case .stream(var stream):
            stream.client = .patient
            let patient = stream
            body = ResponseBody { writer in
                var cutting: any ResponseBodyWriter = CuttingWriter(inner: writer, eventsLeft: 3, client: client)
                try await patient.run(&cutting)
            }
        }
    }

    private static let generationID = HTTPField.Name("X-Generation-Id")

    private static func name(_ text: String) -> HTTPField.Name? {
        text == "X-Generation-Id" ? generationID : HTTPField.Name(text)
    }

    private init(head reply: Reply) {
        self.init(status: HTTPResponse.Status(code: reply.status))
        headers[.contentType] = reply.contentType
        headers[.accessControlAllowOrigin] = "*"
        headers[.accessControlExposeHeaders] = "X-Generation-Id,X-Provider-Name,cf-ray"
        if case .stream = reply.body { headers[.cacheControl] = "no-cache" }
        for header in reply.headers {
            if let name = Self.name(header.name) { headers[name] = header.value }
        }
    }
}

/// Passes on the first events and cuts the connection; what follows is produced for nobody.
private struct CuttingWriter: ResponseBodyWriter {
    var inner: any ResponseBodyWriter
    var eventsLeft: Int
    var client: ClientConnection

    mutating func write(_ buffer: ByteBuffer) async throws {
        guard eventsLeft > 0 else { return }
        var passed: [UInt8] = []
        for byte in buffer.readableBytesView where eventsLeft > 0 {
            if byte == 0x0A, passed.last == 0x0A { eventsLeft -= 1 }
            passed.append(byte)
        }
        try await inner.write(ByteBuffer(bytes: passed))
        if eventsLeft == 0 { await client.cut() }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

/// Takes a stream that nobody reads.
struct DiscardingWriter: ResponseBodyWriter {
    mutating func write(_ buffer: ByteBuffer) async throws {}
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
