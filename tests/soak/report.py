"""What the soak saw: numbers as they come, and at the end whether they stay where they are."""

import json
import statistics
from array import array
from pathlib import Path

MEBI = 1 << 20
# A median of fewer is chance.
SAMPLES_MIN = 8
# What has a verdict: its unit, and how much higher the last quarter's median may be than that of
# the first, as a share and on top of that. The source and the stores differ in what they hold from
# time to time, and so does what it takes.
MEASURES = {
    "peak of memory": ("MiB", MEBI, 0.10, 8),
    "memory of the server": ("MiB", MEBI, 0.10, 8),
    "threads of the server": ("", 1, 0, 2),
    "descriptors of the server": ("", 1, 0, 2),
    "leftover files": ("", 1, 0, 0),
    "unfinished archives": ("", 1, 0, 2),
}


class Notes:
    """Counts, and numbers in the order in which they came, by measure or group and kind."""

    def __init__(self):
        self.counts, self.series = {}, {}

    def count(self, group, kind, more=1):
        of_group = self.counts.setdefault(group, {})
        of_group[kind] = of_group.get(kind, 0) + more

    def total(self, group):
        return sum(self.counts.get(group, {}).values())

    def add(self, measure, kind, number):
        # Few bytes each: this process may not grow either, since commands' peaks begin with its own.
        self.series.setdefault(measure, {}).setdefault(kind, array("d")).append(number)

    def latest(self, measure, kind):
        return self.series[measure][kind][-1]

    def rows(self):
        """Measure, kind, count, both medians, and the verdict."""
        for measure, (_, unit, share, slack) in MEASURES.items():
            for kind, numbers in sorted(self.series.get(measure, {}).items()):
                first, last = (median / unit for median in quarters(numbers))
                if len(numbers) < SAMPLES_MIN:
                    verdict = "too few"
                else:
                    verdict = "grows" if last > first * (1 + share) + slack else "flat"
                yield measure, kind, len(numbers), first, last, verdict

    def grows(self):
        return [f"{measure}, {kind}" for measure, kind, *_, verdict in self.rows() if verdict == "grows"]


def quarters(numbers):
    """The medians of the first and of the last quarter."""
    count = max(1, len(numbers) // 4)
    return statistics.median(numbers[:count]), statistics.median(numbers[-count:])


def progress(soak, minutes, number):
    """One line."""
    notes = soak.notes
    stored = sum(store.stored()[1] for store in soak.stores)
    kept = sum(len(store.archives) for store in soak.stores)
    return (
        f"{minutes:.1f} min: step {number}, {notes.total('archives')} archives ({kept} kept), "
        f"{notes.total('kills')} kills, {notes.total('comparisons')} comparisons, {stored >> 20} MiB stored, "
        f"server {notes.latest('memory of the server', 'idle') / MEBI:.1f} MiB, {notes.latest('descriptors of the server', 'idle'):.0f} descriptors"
    )


def lines(notes):
    """The table."""
    if "highest memory of the server" in notes.series:
        yield f"the server's highest memory: {notes.latest('highest memory of the server', 'ever') / MEBI:.1f} MiB"
    for group, of_group in notes.counts.items():
        yield f"{group}: {notes.total(group):,}" if len(of_group) > 1 and group != "compared" else group
        for kind, count in sorted(of_group.items()):
            yield f"  {kind:<40}{count:>16,}"
    for measure, (unit, _, share, slack) in MEASURES.items():
        of_measure = [row[1:] for row in notes.rows() if row[0] == measure]
        if not of_measure:
            continue
        bound = f"{share:.0%} and {slack} {unit}".strip() if share else f"{slack} {unit}".strip()
        yield ""
        title = f"{measure}, {unit}" if unit else measure
        yield f"{title:<42}{'count':>8}{'first':>10}{'last':>10}  grows if last is more than first by {bound}"
        for kind, count, first, last, verdict in of_measure:
            yield f"  {kind:<40}{count:>8}{first:>10.1f}{last:>10.1f}  {verdict}"
    yield f"first, last: medians of the first and the last quarter; too few: fewer than {SAMPLES_MIN}"
    yield f"a command's peak begins with that of who starts it: {own_peak() / MEBI:.1f} MiB"


def own_peak():
    """What this process has taken at most: no command is seen to take less."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def document(notes, more):
    """All of it."""
    rows = [dict(zip(("measure", "kind", "count", "first", "last", "verdict"), row)) for row in notes.rows()]
    found = more | {"counts": notes.counts, "verdicts": rows, "series": notes.series}
    return json.dumps(found, indent=1, default=list)
