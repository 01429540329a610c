"""What is measured: resident processes that run a container when told (stopwatch.h), and what came of it."""

import random
import statistics
import subprocess


class Contender:
    """One row of a table. `laps["hot"]` and `laps["cold"]` hold pairs of nanoseconds: ended, gone."""

    def __init__(self, name, command):
        self.name = name
        self.laps = {"hot": [], "cold": []}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, count, pause_milliseconds=0):
        """Runs so many containers, idling before each; returns their laps."""
        self._process.stdin.write(f"{count} {pause_milliseconds}\n")
        self._process.stdin.flush()
        lines = [self._process.stdout.readline().split() for _ in range(count)]
        if not all(len(line) == 2 for line in lines):
            raise SystemExit(f"bench: {self.name} stopped (see the line above)")
        return [(int(ended), int(gone)) for ended, gone in lines]

    def milliseconds(self, temperature, moment="ended", which=statistics.median):
        index = {"ended": 0, "gone": 1}[moment]
        return which(lap[index] for lap in self.laps[temperature]) / 1e6

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def interleave(contenders, rounds, batch, cold_rounds, pause_milliseconds):
    """Fills everybody's laps, in rounds, each in a new order, so that what disturbs the machine disturbs all alike."""
    for contender in contenders:
        contender.run(3)
    for _ in range(rounds):
        for contender in random.sample(contenders, len(contenders)):
            # The first after another contender finds its memory cold: it is run, and not counted.
            contender.laps["hot"] += contender.run(batch + 1)[1:]
    for _ in range(cold_rounds):
        for contender in random.sample(contenders, len(contenders)):
            contender.laps["cold"] += contender.run(1, pause_milliseconds)


def table(rows, base, base_name, moment="ended"):
    print(f"| | hot, × {base_name} | cold, × {base_name} | hot median | hot least | cold median | cold least |")
    print("|--|--|--|--|--|--|--|")
    for row in rows:
        ratios = [row.milliseconds(kind, moment) / base.milliseconds(kind, moment) for kind in ("hot", "cold")]
        times = [row.milliseconds(kind, moment, *which) for kind in ("hot", "cold") for which in ((), (min,))]
        print(f"| {row.name} | " + " | ".join(f"{number:.2f}" for number in ratios + times) + " |")
