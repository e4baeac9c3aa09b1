import NIOCore
import PreflightCore

/// What the owner of the listener does to a call: lets it wait, and gives it words for the model.
extension Exchange {
    /// Lets the call wait where calls are held; false where it may go on. Nothing is reserved for it then.
    func waitWhileHeld() -> Bool {
        guard let control = listener.control else { return false }
        let loop = context.loop
        guard let place = control.wait({ [self] in loop.execute { self.goOnAfterHold() } }) else { return false }
        // How long its owner takes says nothing of the provider.
        leaveOutage(.held)
        failures = 0
        deadline = .distantFuture
        stage = .heldBack(place)
        return true
    }

    private func goOnAfterHold() {
        guard case .heldBack = stage else { return }
        stage = .reading
        begin()
    }

    /// It was reserved, and is not to leave now.
    func putOff() {
        release()
        report.isSentAgain = true
        tell(.callFailed, reason: "the trial is held")
        clearAttempt()
    }

    /// Whatever waited is over: looks again whether the call may be made, and makes it.
    func begin() {
        if let refusal = objection { return refuse(refusal) }
        if let mayCall = listener.mayCall, !mayCall() {
            return refuse(
                .unavailable("This gateway stood still, and makes sure that it still may spend", retryAfter: 5))
        }
        if waitWhileHeld() { return }
        attempt = candidates.firstIndex { context.isReady($0.upstream.name) } ?? 0
        steer()
        reserve()
    }

    // MARK: Words for the model

    /// Takes the messages that there are, and makes them the end of what is asked.
    func steer() {
        guard steering == nil, let control = listener.control, let asked, !request.fields.contains(.dryRun) else {
            return
        }
        let messages = control.takeMessages()
        guard !messages.isEmpty else { return }
        let original = request.body
        let text = messages.map(\.text).joined(separator: "\n\n")
        let changed = original.withUnsafeReadableBytes { SteeredBody.adding(text, to: $0, facts: asked.facts) }
        // Read anew, so that the words are reckoned with as all others.
        guard let changed, changed.count <= settings.bounds.body,
            let facts = try? CallFacts.read(changed, dialect: dialect)
        else { return control.giveBack(messages) }
        steering = Steering(messages: messages, original: original, asked: asked)
        request.body = ByteBuffer(bytes: changed)
        self.asked = AskedCall(facts)
    }

    struct Steering {
        var messages: [CallControl.Message]
        var original: ByteBuffer
        var asked: AskedCall
        /// The model has answered.
        var isSeen = false
    }

    /// The model has answered to them.
    func noteSeen() {
        guard var steering else { return }
        steering.isSeen = true
        self.steering = steering
        report.steered = steering.messages.map(\.number)
    }

    /// Sends the call as it came, where the upstream may have refused it for what was added. False where nothing was.
    func sendUnsteered(status: Int, because reason: String) -> Bool {
        guard status == 400 || status == 422, client != nil, !isEnding, let steering, !steering.isSeen else {
            return false
        }
        report.isSentAgain = true
        report.unsteered = steering.messages.map(\.number)
        tell(.callFailed, reason: "\(reason); it is sent again without the owner's message")
        request.body = steering.original
        asked = steering.asked
        // They are not tried again: `budget.txt` has them.
        self.steering = Steering(messages: [], original: steering.original, asked: steering.asked, isSeen: true)
        clearAttempt()
        reserve()
        return true
    }

    /// Makes the call what its agent sent, and keeps the messages for a later one. False where there are none in it.
    func takeMessagesOut() -> Bool {
        guard let steering, !steering.isSeen, !steering.messages.isEmpty else { return false }
        request.body = steering.original
        asked = steering.asked
        listener.control?.giveBack(steering.messages)
        self.steering = Steering(messages: [], original: steering.original, asked: steering.asked, isSeen: true)
        return true
    }

    /// At the call's end: what no model has seen is for the next one.
    func giveBackMessages() {
        guard let steering, !steering.isSeen else { return }
        self.steering = nil
        listener.control?.giveBack(steering.messages)
    }
}
