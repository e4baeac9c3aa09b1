/// What a hook is told of a policy that has fired.
package enum HookPayload {
    /// - Parameters:
    ///   - event: the `policy_fired`.
    ///   - state: of the trial, with it.
    package static func json(run: String, _ trial: TrialPlan, firing: Int, _ event: Event, _ state: TrialState) -> JSON
    {
        .record([
            "run": .string(run), "trial": .string(trial.alias), "attempt": .int(trial.attempt.number),
            "model": .string(trial.model), "upstream": trial.upstream.map(JSON.string), "firing": .int(firing),
            "policy": event.fields["policy"], "action": event.fields["action"], "message": event.fields["message"],
            "told": event.fields["told"], "evidence": event.fields["evidence"], "at": .string(event.timestamp.iso8601),
            "elapsed_s": .number(event.elapsed.decimalSeconds(places: 6)), "spent_usd": .usd(state.spend),
            "budget_usd": .usd(state.budget ?? trial.budget),
        ])
    }

    /// What a hook's program sees of our environment: what programs need, and no key.
    package static func environment(_ all: [String: String], run: String, trial: String) -> [String: String] {
        var few = all.filter { passed.contains($0.key) || $0.key.hasPrefix("LC_") }
        few["PREFLIGHT_RUN"] = run
        few["PREFLIGHT_TRIAL"] = trial
        return few
    }

    private static let passed: Set<String> = [
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "DISPLAY", "DBUS_SESSION_BUS_ADDRESS",
        "XDG_RUNTIME_DIR",
    ]
}
