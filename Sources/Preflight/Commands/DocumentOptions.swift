import ArgumentParser
import PreflightCore

/// A format that a command writes documents in.
protocol DocumentFormat: ExpressibleByArgument, CaseIterable, RawRepresentable, Sendable where RawValue == String {
    /// Where neither an option nor a file's name tells another.
    static var standard: Self { get }
    static var json: Self { get }
    /// What a file's name may end in, beside the format's own name.
    var endings: [String] { get }
}

extension DocumentFormat {
    static var listed: String {
        let names = allCases.map(\.rawValue)
        return "\(names.dropLast().joined(separator: ", ")) or \(names.last ?? "")"
    }

    /// By what a file's name ends in.
    init?(fileName: String) {
        let end = fileName.split(separator: ".").last?.lowercased() ?? ""
        guard let format = Self.allCases.first(where: { $0.rawValue == end || $0.endings.contains(end) }) else {
            return nil
        }
        self = format
    }
}

/// In which format a document is written, and where to.
struct DocumentOptions<Format: DocumentFormat>: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "\(Format.listed); by default what the name of --output ends in, else \(Format.standard.rawValue).",
            valueName: "FORMAT"))
    var format: Format?

    @Option(
        name: .shortAndLong, help: ArgumentHelp("Where to write it; by default standard output.", valueName: "FILE"))
    var output: String?

    /// - Parameter json: `--json` was given, which is short for its format.
    func check(json: Bool) throws {
        if json, format != nil { throw ValidationError("--json is --format json: give one of them") }
    }

    func write(json: Bool, _ text: (Format) -> String) throws {
        let format = json ? .json : format ?? output.flatMap(Format.init(fileName:)) ?? .standard
        try OutputFile(output).write(text(format))
    }
}
