import NIOCore
import PreflightCore

/// A whole answer of the gateway's own.
struct HTTPResponse {
    var status: Int
    var fields: [(name: String, value: String)] = []
    var body = ByteBuffer()

    init(status: Int, fields: [(name: String, value: String)] = [], body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    static func json(_ json: JSON, status: Int = 200) -> HTTPResponse {
        HTTPResponse(
            status: status, fields: [("content-type", "application/json")], body: ByteBuffer(bytes: json.bytes))
    }

    func bytes(keepsAlive: Bool) -> ByteBuffer {
        ByteBuffer(room: 512, extra: body.readableBytes) { head in
            head.writeStatus(status)
            for field in fields { head.writeField(field.name, field.value) }
            head.writeEnd(contentLength: body.readableBytes, keepsAlive: keepsAlive)
        }.followed(by: body)
    }
}

extension HeadWriter {
    /// How long the body is, whether the connection goes on, and the empty line.
    mutating func writeEnd(contentLength: Int, keepsAlive: Bool) {
        writeContentLength(contentLength)
        if !keepsAlive { write("connection: close\r\n") }
        write("\r\n")
    }
}

extension Refusal {
    func response(in dialect: Dialect, requestID: String? = nil, status: Int? = nil) -> HTTPResponse {
        var response = HTTPResponse.json(body(in: dialect, requestID: requestID), status: status ?? self.status)
        response.fields += headers
        return response
    }
}

extension ByteBuffer {
    consuming func followed(by body: ByteBuffer) -> ByteBuffer {
        writeImmutableBuffer(body)
        return self
    }

    /// A piece of a chunked body.
    mutating func writeChunk(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        writeChunkSize(bytes.count)
        writeBytes(bytes)
        writeStaticString("\r\n")
    }

    /// A part of a body: as a chunk, or as it is for a peer of HTTP/1.0.
    mutating func writePiece(_ bytes: UnsafeRawBufferPointer, inChunks: Bool) {
        if inChunks { writeChunk(bytes) } else { writeBytes(bytes) }
    }

    private mutating func writeChunkSize(_ size: Int) {
        var shift = (Int.bitWidth - size.leadingZeroBitCount + 3) / 4 * 4
        while shift > 0 {
            shift -= 4
            let digit = UInt8(truncatingIfNeeded: size >> shift & 0xF)
            writeInteger(digit < 10 ? digit + 48 : digit + 87)
        }
        writeStaticString("\r\n")
    }
}

enum HTTPStatus {
    static func reason(of status: Int) -> String {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 204: "No Content"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 402: "Payment Required"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: status < 400 ? "OK" : "Error"
        }
    }
}
