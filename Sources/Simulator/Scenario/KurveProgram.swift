/// What the models that solve their task write: a small game that checks itself, and really runs.
enum KurveProgram {
    static let path = "/workspace/output/kurve.py"

    static let source = program(legal: "(x, y) not in taken and 0 <= x < width and 0 <= y < height")

    /// Without walls nobody ever loses, so the program stops itself and its check fails.
    static let brokenSource = program(legal: "(x, y) not in taken")

    private static func program(legal: String) -> String {
        """
        \"""A tiny game of Kurve: lines grow on a grid, and whoever hits something is out.\"""

        TURNS = {"L": -1, "S": 0, "R": 1}
        STEPS = [(0, -1), (1, 0), (0, 1), (-1, 0)]  # up, right, down, left


        def play(width, height, players, rounds=1000):
            \"""players: (x, y, heading, moves) each; returns the winner's index, or None.\"""
            taken = {(x, y) for x, y, _, _ in players}
            alive = {i: (x, y, heading) for i, (x, y, heading, _) in enumerate(players)}
            for turn in range(rounds):
                if len(alive) <= 1:
                    break
                for i, (x, y, heading) in list(alive.items()):
                    moves = players[i][3]
                    heading = (heading + TURNS[moves[turn % len(moves)]]) % 4
                    x, y = x + STEPS[heading][0], y + STEPS[heading][1]
                    if \(legal):
                        taken.add((x, y))
                        alive[i] = (x, y, heading)
                    else:
                        del alive[i]
            return next(iter(alive)) if len(alive) == 1 else None


        def check():
            assert play(10, 10, [(1, 1, 1, "S"), (8, 8, 1, "S")]) == 0, "the wall is met first on the right"
            assert play(10, 10, [(1, 1, 1, "R"), (5, 5, 0, "S")]) == 1, "a circle closes on itself"
            assert play(4, 4, [(0, 0, 0, "S"), (3, 3, 2, "S")]) is None, "both leave the field at once"


        if __name__ == "__main__":
            check()
            print("kurve: all checks passed")

        """
    }
}
