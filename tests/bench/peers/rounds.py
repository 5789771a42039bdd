"""The kinds of rounds: which steps a tool takes with a set, each with its name and what it took."""

import shutil
import sys

from measure import compare, length_of, remove, timed


def archive(work, data, tool, wants=lambda step: True):
    """There, there again unchanged, and back; then what each change of the set adds."""
    store, restored = fresh(work, tool)
    yield "archive", timed(work, store, tool.archive(store, data.source, "first"))
    if tool.is_incremental and wants("again"):
        yield "again", timed(work, store, tool.archive(store, data.source, "second"))
    if wants("restore"):
        yield "restore", restore(work, data, tool)
        shutil.rmtree(restored)
        restored.mkdir()
    small = data.small_file()
    command = tool.restore_one(store, data.source, small, restored)
    if command and wants("one file"):
        yield "one file", timed(work, store, command)
        back = tool.restored(restored, data.source) / small.relative_to(data.source)
        if back.read_bytes() != small.read_bytes():
            sys.exit(f"{tool.name} restored another {small}")
    if tool.is_incremental:
        for step, extent in data.changes.items():
            if wants(step):
                yield step, change(work, data, tool, extent)
    remove(store, restored)


def change(work, data, tool, extent):
    """The changed set, into a store that has only the set as it was."""
    store, _ = fresh(work, tool)
    before = timed(work, store, tool.archive(store, data.source, "first"))["stored_bytes"]
    with data.changed(extent) as changed:
        note = timed(work, store, tool.archive(store, data.source, "second"))
    added = note["stored_bytes"] - before
    # Noise takes its room: a tool that adds less has not seen all of it.
    if added < changed:
        sys.exit(f"{tool.name} added {added} bytes to its store for {changed} that were changed")
    return note | {"added_bytes": added, "changed_bytes": changed}


def versions(work, data, tool):
    """All versions, one after another, into one store; and the last one back."""
    if not tool.is_incremental:
        return
    store, restored = fresh(work, tool)
    notes = []
    for version in data.versions:
        data.unpack(version)
        notes.append(timed(work, store, tool.archive(store, data.source, version)))
    yield "all versions", {
        "seconds": sum(note["seconds"] for note in notes),
        "cpu_seconds": sum(note["cpu_seconds"] for note in notes),
        "peak_bytes": max(note["peak_bytes"] for note in notes),
        "stored_bytes": length_of(store),
    }
    yield "restore last", restore(work, data, tool)
    remove(store, restored)


def transfer(work, data, tool):
    """To another machine, and there again unchanged; what is there then is compared."""
    store, restored = fresh(work, tool)
    for step in ("transfer", "transfer again"):
        yield step, timed(work, store, tool.archive(store, data.source, step))
    compare(data.source, tool.copy(store, data.source, restored), tool.name, tool.kept)
    tool.leave()
    remove(store, restored)


def fresh(work, tool):
    """A new store of the tool, and an empty folder."""
    store, restored = work / "store", work / "restored"
    remove(store, restored)
    tool.init(store)
    restored.mkdir()
    return store, restored


def restore(work, data, tool):
    """Everything of the newest archive into the empty folder, and compared."""
    store, restored = work / "store", work / "restored"
    note = timed(work, store, tool.restore(store, data.source, restored))
    compare(data.source, tool.restored(restored, data.source), tool.name)
    return note
