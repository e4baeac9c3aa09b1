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
                var cutting: any ResponseBodyWriter = CuttingWriter(inner: writer, chunksLeft: 3, client: client)
                try await patient.run(&cutting)
            }
        }
    }

    private init(head reply: Reply) {
        self.init(status: HTTPResponse.Status(code: reply.status))
        headers[.contentType] = reply.contentType
        headers[.accessControlAllowOrigin] = "*"
        headers[.accessControlExposeHeaders] = "X-Generation-Id,X-Provider-Name,cf-ray"
        if case .stream = reply.body { headers[.cacheControl] = "no-cache" }
        for header in reply.headers {
            if let name = HTTPField.Name(header.name) { headers[name] = header.value }
        }
    }
}

/// Passes on the first chunks and cuts the connection; what follows is produced for nobody.
private struct CuttingWriter: ResponseBodyWriter {
    var inner: any ResponseBodyWriter
    var chunksLeft: Int
    var client: ClientConnection

    mutating func write(_ buffer: ByteBuffer) async throws {
        guard chunksLeft > 0 else { return }
        chunksLeft -= 1
        try await inner.write(buffer)
        if chunksLeft == 0 { await client.cut() }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

/// Takes a stream that nobody reads.
struct DiscardingWriter: ResponseBodyWriter {
    mutating func write(_ buffer: ByteBuffer) async throws {}
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
