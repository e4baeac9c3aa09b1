package import Containers
package import OpenRouter
import PreflightCore
package import Store

/// The doors a harness works through, opened once by the command.
package struct HarnessDoors: Sendable {
    /// With the management key; nil where there is none.
    package var management: OpenRouterClient?
    /// With the ordinary key; nil where there is none.
    package var inference: OpenRouterClient?
    /// With no key: for the public catalogue.
    package var anonymous: OpenRouterClient
    package var docker: Docker
    package var world: World

    package init(
        management: OpenRouterClient?, inference: OpenRouterClient?, anonymous: OpenRouterClient, docker: Docker,
        world: World
    ) {
        self.management = management
        self.inference = inference
        self.anonymous = anonymous
        self.docker = docker
        self.world = world
    }
}

/// What makes and gives back: a management key and a journal are at hand.
package struct Workshop: Sendable {
    package let docker: Docker
    /// Of a field without a trial at OpenRouter it has no key, and is not asked.
    package let management: OpenRouterClient
    package let journal: Journal
    package let world: World

    package init(docker: Docker, management: OpenRouterClient, journal: Journal, world: World) {
        self.docker = docker
        self.management = management
        self.journal = journal
        self.world = world
    }

    package var provisioner: Provisioner { Provisioner(management: management, journal: journal, world: world) }
}
