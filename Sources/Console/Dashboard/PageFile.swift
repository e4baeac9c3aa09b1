import PreflightCore
import Reports

/// What the page is made of. The files lie in `Page/` and are built into the command, so that it works wherever it is
/// copied to.
struct PageFile: Sendable {
    var bytes: [UInt8]
    var type: String

    var body: ConsoleAnswer.Body { .bytes(bytes, contentType: type) }

    /// By path.
    static let all: [String: PageFile] = [
        "/": PageFile(bytes: PackageResources.page_html, type: "text/html; charset=utf-8"),
        // The look of reports, then what the page has beyond it.
        "/style.css": PageFile(bytes: Array("\(StyleSheet.text)".utf8), type: "text/css; charset=utf-8"),
        "/page.css": PageFile(bytes: PackageResources.page_css, type: "text/css; charset=utf-8"),
        "/page.js": script(PackageResources.page_js), "/dom.js": script(PackageResources.dom_js),
        "/record.js": script(PackageResources.record_js), "/runs.js": script(PackageResources.runs_js),
        "/field.js": script(PackageResources.field_js), "/trial.js": script(PackageResources.trial_js),
        "/lines.js": script(PackageResources.lines_js), "/keys.js": script(PackageResources.keys_js),
        "/icon.svg": PageFile(bytes: PackageResources.icon_svg, type: "image/svg+xml"),
    ]

    private static func script(_ bytes: [UInt8]) -> PageFile {
        PageFile(bytes: bytes, type: "text/javascript; charset=utf-8")
    }
}
