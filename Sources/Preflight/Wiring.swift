import Containers
import Foundation
import Harness
import OpenRouter
import PreflightCore
import Store

/// Builds the rest from what the environment says: the one place that chooses live parts.
struct Wiring {
    let settings: Settings
    let runs: RunsDirectory
    let world: World
    let docker: Docker

    init(runsDirectory: String) throws {
        settings = try Settings()
        runs = RunsDirectory(path: runsDirectory)
        docker = Docker(environment: settings.environment)
        let began = ContinuousClock.now
        world = World(
            now: {
                var time = timespec()
                clock_gettime(CLOCK_REALTIME, &time)
                return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
            },
            uptime: { ContinuousClock.now - began },
            nonce: { count in String((0..<count).map { _ in "0123456789abcdef".randomElement() ?? "0" }) })
    }

    var doors: HarnessDoors {
        let session = OpenRouterClient.makeSession()
        func client(_ key: Secret) -> OpenRouterClient {
            OpenRouterClient(baseURL: settings.baseURL, key: key, session: session)
        }
        return HarnessDoors(
            management: settings.managementKey.map(client), inference: settings.inferenceKey.map(client),
            anonymous: client(Secret("")), docker: docker, world: world)
    }

    /// The client that manages keys. Where no trial uses OpenRouter it has no key, and is not asked.
    func management(isNeeded: Bool, _ problem: String, hint: String) throws -> OpenRouterClient {
        let doors = doors
        if let management = doors.management { return management }
        guard !isNeeded else { throw PreflightError(.refused, problem, hint: hint) }
        return doors.anonymous
    }

    /// Opens the journal of the runs directory, making the directory where it is missing.
    func openJournal() throws -> Journal {
        do {
            try Files.createDirectory(runs.path)
            return try Journal(path: runs.journalPath)
        } catch let error as PreflightError {
            // Nothing has been spent yet.
            throw PreflightError(.refused, error.message, hint: error.hint)
        }
    }

    /// The journal, if there is one already: looking must not make anything.
    func existingJournal() throws -> Journal? {
        Files.exists(runs.journalPath) ? try Journal(path: runs.journalPath) : nil
    }

    func sweeper(_ journal: Journal?, only: Set<String>? = nil) -> Sweeper {
        Sweeper(docker: docker, management: doors.management, journal: journal, runs: runs, world: world, only: only)
    }

    /// Offers a sweep, on standard error, where the journal knows of things that nobody watches. Asks nobody else.
    func offerSweep(_ journal: Journal?, _ place: PlaceOptions) async {
        guard !place.json, let journal, let left = try? await Leftovers(journal: journal, in: runs) else { return }
        if let offer = left.offer { Terminal.shared.say(offer) }
    }

    func loadExperiment(_ options: ExperimentOptions, arguments: [String] = []) throws -> Experiment {
        let loader = ExperimentLoader(
            environment: settings.environment, workingDirectory: FileManager.default.currentDirectoryPath)
        return try loader.load(options, arguments: arguments)
    }
}
