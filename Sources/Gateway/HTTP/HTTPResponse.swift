import NIOCore
import PreflightCore

/// A whole answer.
struct HTTPResponse {
    var status: Int
    var fields: [(name: String, value: String)] = []
    /// Fields of an upstream's answer that are passed on.
    var passed: HTTPFields?
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
        var out = ByteBuffer()
        out.reserveCapacity(body.readableBytes + 512 + (passed?.bytes.count ?? 0))
        out.writeHead(status: status)
        if let passed { out.writeFields(of: passed, except: HTTPFields.isOfResponseConnection) }
        for field in fields { out.writeField(field.name, field.value) }
        out.writeField("content-length", String(body.readableBytes))
        if !keepsAlive { out.writeString("connection: close\r\n") }
        out.writeString("\r\n")
        var body = body
        out.writeBuffer(&body)
        return out
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
    mutating func writeHead(status: Int) {
        if status == 200 {
            writeStaticString("HTTP/1.1 200 OK\r\n")
        } else {
            writeString("HTTP/1.1 \(status) \(HTTPStatus.reason(of: status))\r\n")
        }
    }

    mutating func writeField(_ name: String, _ value: String) {
        writeString(name)
        writeStaticString(": ")
        writeString(value)
        writeStaticString("\r\n")
    }

    /// Copies fields as they came, but for those that a rule keeps back.
    mutating func writeFields(of fields: HTTPFields, except isKept: (HTTPFields, HTTPFields.Field) -> Bool) {
        for field in fields.fields where !isKept(fields, field) {
            writeBytes(fields.name(of: field))
            writeStaticString(": ")
            writeBytes(fields.value(of: field))
            writeStaticString("\r\n")
        }
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

extension HTTPFields {
    /// Fields of one hop, and those that the gateway writes itself.
    static func isOfResponseConnection(_ fields: HTTPFields, _ field: Field) -> Bool {
        fields.isNamed(field, "content-length") || fields.isNamed(field, "transfer-encoding")
            || fields.isNamed(field, "connection") || fields.isNamed(field, "keep-alive")
            || fields.isNamed(field, "set-cookie") || fields.isNamed(field, "alt-svc")
            || fields.isNamed(field, "trailer") || fields.isNamed(field, "upgrade")
            || fields.isNamed(field, "strict-transport-security") || fields.hasPrefix(field, "x-preflight-")
    }

    /// Fields of one hop, credentials, and those that the gateway writes itself. Compression is not asked for, since
    /// the answer is read.
    static func isOfRequestConnection(_ fields: HTTPFields, _ field: Field) -> Bool {
        fields.isNamed(field, "host") || fields.isNamed(field, "authorization")
            || fields.isNamed(field, "x-api-key") || fields.isNamed(field, "content-length")
            || fields.isNamed(field, "transfer-encoding") || fields.isNamed(field, "connection")
            || fields.isNamed(field, "keep-alive") || fields.isNamed(field, "accept-encoding")
            || fields.isNamed(field, "expect") || fields.isNamed(field, "te") || fields.isNamed(field, "trailer")
            || fields.isNamed(field, "upgrade") || fields.isNamed(field, "cookie")
            || fields.hasPrefix(field, "proxy-") || fields.hasPrefix(field, "x-preflight-")
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
