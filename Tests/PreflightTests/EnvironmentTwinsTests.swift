import ArgumentParser
import Testing

@testable import Preflight

@Suite struct EnvironmentTwinsTests {
    @Test func `every command with a runs directory takes it from its variable`() {
        var found: [String] = []
        for command in PreflightCommand.configuration.subcommands where command.configuration.shouldDisplay {
            let commands = [command] + command.configuration.subcommands
            guard commands.contains(where: { PreflightCommand.helpMessage(for: $0).contains("--runs-dir") }) else {
                continue
            }
            let name = command.configuration.commandName ?? ""
            found.append(name)
            let arguments = EnvironmentTwins.expand([name], environment: ["PREFLIGHT_RUNS_DIR": "/srv/runs"])
            #expect(arguments == [name, "--runs-dir=/srv/runs"], "\(name)")
        }
        #expect(found.count > 20 && found.contains("gateway") && found.contains("dashboard"), "\(found)")
    }
}
