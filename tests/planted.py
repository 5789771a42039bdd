#!/usr/bin/env python3
"""Plants bugs, one at a time, in a copy of the source, and demands that the power-cut simulation
finds each.

    python3 tests/planted.py [NAME...]
    python3 tests/planted.py --check        only whether each can still be planted

Each bug is a sync that is left out, an order that is swapped, or a promise that is made too early.
It takes two minutes a bug on two processors. The copy lies in target/planted; what is built of it
goes to target/ itself, so that nothing else is built twice: the newest test binary there is then
one with a bug.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / "target/planted"

# Name, file below mover/src/store, and what becomes of which text that stands there once.
BUGS = [
    (
        "a commit does not sync its volumes",
        "writer/commit.rs",
        "map_or(Ok(()), |it| it.writer.sync());",
        "map_or(Ok(()), |it| it.writer.flush());",
    ),
    (
        "the catalog is committed before the volumes are synced",
        "writer/commit.rs",
        """        for lane in 0..self.lanes.len() {
            let synced = self.lanes[lane].volume.as_mut().map_or(Ok(()), |it| it.writer.sync());
            self.or_leave_behind(lane, synced)?;
        }
        reach(failpoint::AFTER_SYNC)?;
        let mut indexing""",
        "        reach(failpoint::AFTER_SYNC)?;\n        let mut indexing",
        """        indexing.commit()?;
        reach(failpoint::AFTER_CATALOG)?;
""",
        """        indexing.commit()?;
        reach(failpoint::AFTER_CATALOG)?;
        for lane in 0..self.lanes.len() {
            let synced = self.lanes[lane].volume.as_mut().map_or(Ok(()), |it| it.writer.sync());
            self.or_leave_behind(lane, synced)?;
        }
""",
    ),
    (
        "what is written counts as acknowledged",
        "writer/commit.rs",
        "            false => Ok(self.acknowledged),\n        }\n    }\n\n    /// `closed`",
        """            false => {
                self.acknowledged.chunks = self.appended.chunks;
                Ok(self.acknowledged)
            }
        }
    }

    /// `closed`""",
    ),
    (
        "a new volume's name is not synced",
        "../media/writer.rs",
        "        file.sync()?;\n        storage.sync()?;\n        VolumeWriter::new",
        "        file.sync()?;\n        VolumeWriter::new",
    ),
    (
        "a volume goes before what was moved off it is committed",
        "writer/remove.rs",
        "        self.commit()?;\n        self.leave_parity(volume)?;\n",
        """        self.leave_parity(volume)?;
        self.store.shelf.storage(volume)?.remove(&volume_file(volume))?;
        self.commit()?;
""",
        "        storage.remove(&volume_file(volume))?;\n",
        "",
    ),
    (
        "what a volume says of whole archives is not written once more before it goes",
        "writer/remove.rs",
        "            self.repeat_ends(volume, is_damaged)?;\n",
        "",
    ),
    (
        "copies are not committed before their old volume goes",
        "writer/copy.rs",
        "        self.commit()?;\n        self.sessions.clear();",
        "        self.sessions.clear();",
        "",
        "",
        "writer/remove.rs",
        "        self.commit()?;\n        self.leave_parity(volume)?;\n",
        "        self.leave_parity(volume)?;\n",
    ),
    (
        "parity gets its name before it is durable",
        "parity/make.rs",
        "            file.sync()?;\n",
        "",
    ),
    (
        "a volume of a parity set goes, and nobody says so",
        "writer/remove.rs",
        "        self.leave_parity(volume)?;\n",
        "",
    ),
    (
        "what a killed writer left is not synced before it is indexed",
        "recovery.rs",
        "            if let Err(error) = written.sync() {\n",
        "            if let Err(error) = Ok::<(), Error>(()) {\n",
    ),
    (
        "a torn end is not cut off",
        "recovery.rs",
        "            VolumeWriter::open(storage.as_ref(), &file, walked.length)?;\n",
        "",
    ),
    (
        "an archive's end is written before what lies in other pools is durable",
        "writer/append.rs",
        "        self.settle_before_end(&pools)?;\n",
        "",
    ),
    (
        "an archive is dropped without a commit",
        "writer/append.rs",
        "        self.put(None, Subject::default(), &[HOME], vec![piece])?;\n        self.commit().map(|_| ())\n    }\n\n    /// Puts a key group",
        "        self.put(None, Subject::default(), &[HOME], vec![piece])\n            .map(|_| ())\n    }\n\n    /// Puts a key group",
    ),
]


def copy():
    COPY.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = ROOT / name, COPY / "source" / name
        if not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        # What has not changed keeps its time, so that it is not built anew.
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copy2(source, target)


def plant(edits):
    """Edits are a file followed by pairs of texts, and again a file."""
    name, rest = edits[0], list(edits[1:])
    while rest:
        if rest[0] == rest[1] == "":
            name, rest = rest[2], rest[3:]
            continue
        path = COPY / "source/mover/src/store" / name
        text = path.read_text()
        if text.count(rest[0]) != 1:
            sys.exit(f"{name} does not have this once any more: {rest[0]!r}")
        path.write_text(text.replace(rest[0], rest[1]))
        rest = rest[2:]


def check():
    copy()
    for _, *edits in BUGS:
        plant(edits)
        copy()


def simulate():
    command = "cargo test --release --locked -p mover --features failpoints --lib --quiet simulation::"
    environment = os.environ | {"CARGO_TARGET_DIR": str(ROOT / "target"), "RUST_BACKTRACE": "0"}
    return subprocess.run(
        command.split(), cwd=COPY / "source", env=environment, text=True, capture_output=True
    )


def main():
    if sys.argv[1:] == ["--check"]:
        return check()
    unknown = set(sys.argv[1:]) - {bug[0] for bug in BUGS}
    if unknown:
        sys.exit(f"no such bug: {', '.join(unknown)}")
    chosen = [bug for bug in BUGS if not sys.argv[1:] or bug[0] in sys.argv[1:]]
    copy()
    sound = simulate()
    if sound.returncode != 0:
        sys.exit(f"without any bug:\n{sound.stdout}{sound.stderr}")
    missed = []
    for name, *edits in chosen:
        copy()
        plant(edits)
        run = simulate()
        broken = [line for line in run.stdout.splitlines() if line.startswith("seed ")]
        if "could not compile" in run.stderr:
            sys.exit(f"{name}: {run.stderr}")
        if not broken:
            missed.append(name)
        print(f"{name}: {broken[0] if broken else 'NOT FOUND'}", flush=True)
    copy()
    sys.exit(f"not found: {missed}" if missed else 0)


if __name__ == "__main__":
    main()
