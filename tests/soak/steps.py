"""What a step of the soak does, and what has to be so behind it.

Each step draws from a generator of its own, made of the seed and its number: how long something
took, and whether a kill came in time, changes nothing of what the next step draws.
"""

import filecmp
import os
import shutil

import same
from commands import Failed
from stores import POOLS, Archive

NAMES = ["home", "work"]
# So many archives a store holds before it has to let some go.
ARCHIVES_MAX = 5
# How often a command is killed before it is let be.
KILLS = [0, 0, 0, 1, 1, 2, 3]
# What reads or writes content can be slowed down, so that a kill comes in the middle of it.
CAN_BE_SLOW = {"archive", "restore", "restore some"}
ROOM_MIN = 3 << 30


class Soak:
    """All that there is: the source, its kept copies, the stores and the server."""

    def __init__(self, work, tree, stores, server, commands, notes):
        self.work, self.tree, self.stores, self.server = work, tree, stores, server
        self.commands, self.notes = commands, notes
        self.kept, self.restored = work / "kept", work / "restored"
        self.kept.mkdir()
        # Counts the states that the source has been in.
        self.state = 0
        # Files that were left over once.
        self.seen = set()

    def steps(self):
        """Every kind of step, and how often it is taken."""
        return [
            (self.edit, 8), (self.archive, 10), (self.restore, 6), (self.restore_some, 3), (self.drop, 2), (self.prune, 3),
            (self.copy, 2), (self.migrate, 3), (self.verify, 2), (self.verify_read, 1), (self.forget_catalog, 2),
            (self.reload, 1), (self.status, 1), (self.damage, 3),
        ]

    def take(self, random):
        """One step, in a store that it can be taken in, and what has to be so behind it."""
        actions, weights = zip(*self.steps())
        action, store = self.possible(random.choices(actions, weights)[0], random.choice(self.stores))
        self.commands.say(f"    {action.__name__}, store {store.name}")
        self.notes.count("steps", action.__name__.replace("_", " "))
        action(store, random)
        if action != self.edit:
            store.check()
        self.forget_states()
        self.observe()

    def possible(self, action, store):
        """The same, or what is nearest to it where it cannot be done."""
        if action in (self.copy, self.migrate):
            store = next(store for store in self.stores if store.has_pools)
        if action == self.damage and store.is_served:
            store = self.stores[0]
        if action == self.reload:
            store = next(store for store in self.stores if store.is_served)
        if action == self.archive and len(store.archives) >= ARCHIVES_MAX:
            action = self.prune
        if not store.archives and action not in (self.edit, self.reload):
            action = self.archive
        return action, store

    def observe(self):
        """What is left when a step is over, and nobody wants anything."""
        self.server.settle()
        self.server.note(self.notes)
        for store in self.stores:
            self.leftover(f"store {store.name}", store.strangers())
        for machine in (self.stores[0].machine, self.server.machine):
            self.leftover(f"temporary, {machine.folder.name}", machine.temporary())
            self.leftover(f"journals, {machine.folder.name}", machine.journals())
        room = shutil.disk_usage(self.work).free
        if room < ROOM_MIN:
            raise Failed(f"there are only {room} bytes left on the disk, which is no fault of mover's")

    def leftover(self, kind, found):
        """Counts what is left over, and says in the log what is new among it."""
        self.notes.add("leftover files", kind, len(found))
        for path in sorted(set(found) - self.seen):
            self.commands.say(f"    left over: {path}")
        self.seen.update(found)

    def edit(self, _, random):
        done = self.tree.edit(random)
        self.state += 1
        self.commands.say(f"    state {self.state}: {', '.join(done)}")

    def copy_of_source(self):
        """The plain copy of the source as it is, made when it is first needed."""
        copy = self.kept / str(self.state)
        if not copy.exists():
            same.copy(self.tree.root, copy)
            self.compare(self.tree.root, copy, "plain copies")

    def forget_states(self):
        """Removes copies of states that no archive is of."""
        needed = {str(archive.state) for store in self.stores for archive in store.archives.values()}
        same.clear(*(path for path in self.kept.iterdir() if path.name not in needed | {str(self.state)}))

    def compare(self, expected, found, what, asked=None):
        compared = same.compare(expected, found, asked)
        self.notes.count("comparisons", what)
        self.notes.count("compared", "entries", compared.entries)
        self.notes.count("compared", "bytes", compared.bytes)
        if compared.differences:
            differences = "\n".join(compared.differences)
            raise Failed(f"{what}: {found} is not as {expected}:\n{differences}")

    def to_the_end(self, kind, place, arguments, random, between=lambda: None, last=None):
        """Runs a command that is killed some times, or never, until it has ended by itself.

        `arguments` is asked before each run, and gives None where nothing is left to be done;
        `last` is what is run when it is killed no more. Gives the run that ended, if any, and how
        often it was killed before.
        """
        moments = [self.moment(kind, random) for _ in range(random.choice(KILLS))]
        for kills, (share, slow) in enumerate(moments):
            if (now := arguments()) is None:
                return None, kills
            done = place.kill(kind, now + slow, share)
            if not done.killed:
                return done, kills
            between()
        if moments and last:
            return last(), len(moments)
        now = arguments()
        again = ", again" if moments else ""
        return place.ok(f"{kind}{again}", now) if now is not None else None, len(moments)

    def moment(self, kind, random):
        """When a command is killed, as a share of the time that it usually takes, and how it is
        slowed down until then."""
        if kind in CAN_BE_SLOW and random.random() < 0.6:
            return random.uniform(0.4, 4), ["--limit-rate", random.choice(["10M", "30M", "100M"])]
        return random.uniform(0, 1.1), []

    def archive(self, store, random):
        self.copy_of_source()
        name, arguments = self.name_and_arguments(store, random)
        between = random.choice([lambda: None, lambda: None, store.forget_catalog, lambda: self.give_back(store)])
        last = random.choice([None, lambda: self.resume(store, arguments)])
        done, kills = self.to_the_end("archive", store, lambda: arguments, random, between, last)
        self.acknowledge(store, done.report(), name)
        if kills:
            self.adopt(store, name)
            self.demand_nothing_interrupted(store)

    def name_and_arguments(self, store, random):
        name = random.choice(NAMES)
        return name, store.archive(self.tree.root, name, random)

    def give_back(self, store):
        """A prune where an archive waits to be gone on with takes nothing of it."""
        place = store.operated()
        place.ok("prune, no rule", ["prune", place.place])

    def interrupted(self, store):
        return store.ok("resume --list", ["resume", "--list"]).documents("interrupted")

    def resume(self, store, arguments):
        """Goes on by `mover resume`; where a kill came too early for that, by the same command."""
        if self.interrupted(store):
            return store.ok("resume", ["resume"])
        return store.ok("archive, again", arguments)

    def demand_nothing_interrupted(self, store):
        if left := self.interrupted(store):
            raise Failed(f"all archives have ended, and these are said to be interrupted: {left}")

    def acknowledge(self, store, report, name):
        """What mover says that it has archived is what it is held to from now on."""
        for what in ("held", "stopped", "faults"):
            if report[what]:
                raise Failed(f"an archive of a source that nothing changes has {report[what]} {what}")
        store.archives[report["archive"]] = Archive(report["archive"], name, self.state)
        self.notes.count("archives", store.name)
        self.notes.count("archived", "bytes", report["content_bytes"])
        if report["resumed"]:
            self.notes.count("archives that went on", store.name)

    def adopt(self, store, name):
        """An archive may have been finished when it was killed, and before it could say so."""
        for one in store.listed():
            if one["id"] not in store.archives and one["name"] == name:
                store.archives[one["id"]] = Archive(one["id"], name, self.state)
                self.notes.count("archives that a kill came too late for", store.name)

    def least_restored(self, store, random):
        """So that each is restored before it goes, where that is possible."""
        restores = min(archive.restores for archive in store.archives.values())
        return random.choice([archive for archive in store.archives.values() if archive.restores == restores])

    def restore(self, store, random):
        self.restore_one(store, self.least_restored(store, random), random)

    def restore_one(self, store, archive, random):
        arguments = ["restore", store.place, archive.id, "--into", self.restored]
        between = random.choice([lambda: None, lambda: self.tamper(random)])
        self.to_the_end("restore", store, lambda: arguments, random, between)
        self.compare(self.kept / str(archive.state), self.restored, f"restores, {store.name}")
        archive.restores += 1
        same.clear(self.restored)

    def tamper(self, random):
        """Somebody changes what a killed restore has left: it is written anew."""
        found = same.entries(self.restored) if self.restored.exists() else {}
        files = sorted(path for path in found if (self.restored / path).is_file() and not (self.restored / path).is_symlink())
        if files:
            path = self.restored / random.choice(files)
            self.commands.say(f"    tampers with {os.fspath(path)!r}")
            with open(path, "ab") as file:
                file.write(b"tampered with")

    def restore_some(self, store, random):
        archive = self.least_restored(store, random)
        copy = self.kept / str(archive.state)
        paths = sorted(path for path in same.entries(copy) if path)
        asked = random.sample(paths, min(len(paths), random.randint(1, 4)))
        # A name may begin like an option.
        arguments = ["restore", store.place, archive.id, *(f"./{path}" for path in asked), "--into", self.restored]
        self.to_the_end("restore some", store, lambda: arguments, random)
        self.compare(copy, self.restored, f"restores of some, {store.name}", asked)
        same.clear(self.restored)

    def drop(self, store, random):
        """One archive; and what was begun and never finished, which nobody goes on with."""
        unfinished = store.unfinished()
        archive = random.choice(list(store.archives.values()))
        store.ok("drop", ["drop", store.place, archive.id, *unfinished])
        del store.archives[archive.id]
        if store.unfinished():
            raise Failed(f"store {store.name}: unfinished archives were dropped and are still shown")

    def prune(self, store, random):
        keep = random.randint(1, 3)
        place = store.operated()
        arguments = store.prune(place.place, keep, random)
        announced = self.announced(place.ok("prune --dry-run", [*arguments, "--dry-run"]))
        before = store.listed()
        _, kills = self.to_the_end("prune", place, lambda: arguments, random)
        shown = {one["id"] for one in store.listed()}
        newest = store.newest(keep, before)
        if not newest <= shown or not (shown == newest or store.has_pools):
            raise Failed(f"store {store.name}: {keep} of each name are kept: {sorted(newest)}, and not {sorted(shown)}")
        # What an interrupted prune has moved may change which pools an archive is in.
        if shown != announced and not (kills and store.has_pools):
            raise Failed(f"store {store.name}: {sorted(announced)} would be kept, and these are: {sorted(shown)}")
        store.archives = {id: archive for id, archive in store.archives.items() if id in shown}

    def announced(self, done):
        return {one["archive"] for one in done.report()["archives"] if one["kept_by"]}

    def copy(self, store, random):
        archive = random.choice(list(store.archives.values()))
        which = ["--all"] if random.random() < 0.3 else [archive.id]
        arguments = ["copy", store.place, *which, "--to-pool", random.choice(POOLS)]
        self.to_the_end("copy", store, lambda: arguments, random)

    def migrate(self, store, random):
        """Volumes go to another pool; one that a killed run has moved is there no longer."""
        pool = random.choice(POOLS)
        numbers = sorted(number for number, of_pool in store.closed_volumes() if of_pool != pool)
        chosen = random.sample(numbers, min(len(numbers), random.randint(1, 4)))

        def arguments():
            left = {number for number, _ in store.closed_volumes()}.intersection(chosen)
            return ["media", "migrate", store.place, *sorted(left), "--to-pool", pool] if left else None

        self.to_the_end("migrate", store, arguments, random)
        if left := {number for number, _ in store.closed_volumes()}.intersection(chosen):
            raise Failed(f"volumes {sorted(left)} were moved, and are still there")

    def verify(self, store, _):
        store.ok("verify", ["verify", store.place])

    def verify_read(self, store, _):
        store.ok("verify --read", ["verify", store.place, "--read"])

    def forget_catalog(self, store, _):
        """The check behind each step finds it made anew."""
        store.forget_catalog()

    def damage(self, store, random):
        """A volume is damaged at one place, or lost; parity gives its bytes back."""
        damaged, lost = store.protected()
        if not damaged:
            return
        # A command that was killed behind its last write has left that to the next one.
        store.ok("media protect", ["media", "protect", store.place])
        path = random.choice(lost) if lost and random.random() < 0.5 else random.choice(damaged)
        # Not in memory, which is inherited by the peaks of commands.
        whole = self.work / "whole"
        shutil.copyfile(path, whole)
        if path in lost and random.random() < 0.7:
            self.commands.say(f"    removes {path}")
            path.unlink()
        else:
            at = random.randrange(whole.stat().st_size)
            self.commands.say(f"    damages {path} at {at}")
            with open(path, "r+b") as file:
                file.seek(at)
                byte = file.read(1)[0] ^ 0x40
                file.seek(at)
                file.write(bytes([byte]))
        if random.random() < 0.3:
            store.forget_catalog()
        self.commands.fails(f"verify, {store.name}", store.machine, store.arguments(["verify", store.place]))
        self.to_the_end("repair", store, lambda: ["verify", store.place, "--repair"], random)
        if not filecmp.cmp(path, whole, shallow=False):
            raise Failed(f"{path} is not what it was before it was damaged")
        self.verify(store, random)

    def status(self, store, _):
        """Nothing runs, and what killed sessions have left is taken down by that."""
        store.ok("status", ["status", "--once"])
        if left := store.machine.sockets():
            raise Failed(f"nobody answers there, and they are left: {left}")

    def reload(self, *_):
        self.server.reload()

    def finish(self, random):
        """Everything that is kept, once more; and the server ends well."""
        for store in self.stores:
            store.check()
            for archive in list(store.archives.values()):
                self.restore_one(store, archive, random)
            self.verify_read(store, random)
        self.demand_nothing_interrupted(self.stores[0])
        self.observe()
        self.server.stop()
