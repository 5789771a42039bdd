"""The three stores that are written to, and what each has to hold.

| store | where | opened with |
|---|---|---|
| `local` | a folder with parity, volumes of some MiB | a passphrase |
| `served` | behind `mover serve`, over loopback | a passphrase |
| `pools` | a folder and three pools of a policy, one with parity | an age identity, which costs no memory |
"""

import re
from dataclasses import dataclass

from commands import Failed

PASSPHRASE = "a passphrase for a soak"
POOLS = ["default", "near", "far", "attic"]
NEED_A_KEY = {"init", "archive", "restore"}
RULES = ["large", "text", "rest"]
# What may lie in the folder of a store or of a pool while nobody writes.
KNOWN = re.compile(
    r"volumes|(volumes/)?[0-9a-f]{16}-[0-9]\.parity|volumes/[^/]+\.volume|catalog\.sqlite(-wal|-shm)?|lock|pools\.toml|mover-pool|[^/]+\.volume|media"
)


@dataclass
class Archive:
    """One that mover has acknowledged, and which state of the source it has to be."""

    id: str
    name: str
    state: int
    restores: int = 0


class Store:
    """A folder of this machine."""

    name = "local"
    parity = ["--parity", "3+1"]
    has_pools = False
    is_served = False

    def __init__(self, machine, folder, commands):
        self.machine, self.folder, self.commands = machine, folder, commands
        self.archives = {}
        passphrase = machine.folder / "passphrase"
        passphrase.write_text(PASSPHRASE + "\n", encoding="utf-8")
        self.key = ["--passphrase-file", passphrase]
        self.init()

    @property
    def place(self):
        """What commands take for it."""
        return self.folder

    def init(self):
        self.ok("init", ["init", self.place, *self.parity])

    def arguments(self, arguments):
        """A key where one is needed: opening a passphrase takes 128 MiB, which hides all else."""
        key = self.key if arguments[0] in NEED_A_KEY or "--read" in arguments else []
        return ["--json", *key, *arguments]

    def ok(self, kind, arguments):
        return self.commands.ok(f"{kind}, {self.name}", self.machine, self.arguments(arguments))

    def kill(self, kind, arguments, share):
        return self.commands.kill(f"{kind}, {self.name}", self.machine, self.arguments(arguments), share)

    def operated(self):
        """The store as whoever has its disk sees it."""
        return self

    def archive(self, source, name, random):
        """The arguments of an archive."""
        return [
            "archive", source, "--to", self.place, "--name", name, "--volume-size", "8M",
            "--framing", random.choice(["each", "run", "both"]), "--chunk-size", random.choice(["256K", "1M", "1M", "4M"]),
            *["--reread"] * (random.random() < 0.2),
        ]

    def prune(self, place, keep, random):
        return ["prune", place, "--keep-last", keep, "--used-max", random.choice([20, 50, 80])]

    def newest(self, keep, listed):
        """The newest so many of each name, of those that are listed in the order of their beginning."""
        of_name = {}
        for archive in listed:
            of_name.setdefault(archive["name"], []).append(archive["id"])
        return {id for ids in of_name.values() for id in ids[-keep:]}

    def documents(self):
        return self.ok("list", ["list", self.place]).documents("archive")

    def shown(self, status):
        return [one for one in self.documents() if one["status"] == status]

    def listed(self):
        """All that is shown as finished, the oldest first."""
        return sorted(self.shown("finished"), key=lambda one: moment(one["started"]))

    def unfinished(self):
        return [one["id"] for one in self.shown("unfinished")]

    def check(self):
        """What was acknowledged is shown, and nothing else is."""
        documents = self.documents()
        unfinished = sum(one["status"] == "unfinished" for one in documents)
        self.commands.notes.add("unfinished archives", self.name, unfinished)
        shown, known = {one["id"] for one in documents if one["status"] == "finished"}, set(self.archives)
        if shown != known:
            raise Failed(f"store {self.name}: missing {sorted(known - shown)}, not expected {sorted(shown - known)}")

    def settle(self):
        """Waits until nobody has it open."""

    def forget_catalog(self):
        """It is a cache, and may be lost."""
        self.settle()
        self.commands.say(f"    removes the catalog of {self.name}")
        for path in self.folder.glob("catalog*"):
            path.unlink()

    def folders(self):
        return [self.folder]

    def strangers(self):
        """Files in its folders that nothing accounts for."""
        found = []
        for folder in self.folders():
            names = (path.relative_to(folder) for path in folder.rglob("*"))
            found += [str(folder / name) for name in names if not KNOWN.fullmatch(str(name))]
        return sorted(found)

    def protected(self):
        """The files of volumes that may be damaged, and of those that may be lost, where there is parity."""
        damaged, lost = [], []
        for one in self.ok("media list", ["media", "list", self.place]).documents("parity"):
            folder = self.folder / "volumes" if one["pool"] == POOLS[0] else self.pool(one["pool"])
            lost += [folder / f"{number:08}.volume" for number in one["volumes_across"]]
            damaged += [folder / f"{number:08}.volume" for number in one["volumes_within"]]
        return damaged + lost, lost

    def stored(self):
        """How many files hold what is stored, and how long they are."""
        lengths = [path.stat().st_size for folder in self.folders() for path in folder.rglob("*.volume")]
        return len(lengths), sum(lengths)


class Served(Store):
    """A folder of another machine, which serves it."""

    name = "served"
    parity = []
    is_served = True

    def __init__(self, machine, server, commands):
        self.server = server
        super().__init__(machine, server.store, commands)

    @property
    def place(self):
        return self.server.url

    def settle(self):
        self.server.settle()

    def operated(self):
        return Operated(self)


class Operated:
    """A served store on its server's machine, which prunes it, since it has the disk."""

    def __init__(self, served):
        self.served, self.place, self.machine = served, served.server.store, served.server.machine

    def ok(self, kind, arguments):
        self.served.settle()
        return self.served.commands.ok(f"{kind}, served", self.machine, ["--json", *arguments])

    def kill(self, kind, arguments, share):
        self.served.settle()
        return self.served.commands.kill(f"{kind}, served", self.machine, ["--json", *arguments], share)


class Pools(Store):
    """A store with pools, which a policy sends files to, in ways that change."""

    name = "pools"
    parity = []
    has_pools = True

    def init(self):
        super().init()
        identity = self.machine.folder / "identity"
        exported = self.commands.ok("key export", self.machine, [*self.key, "key", "export", self.place]).stdout
        identity.write_text(exported, encoding="utf-8")
        self.key = ["--identity", identity]
        self.policy = self.machine.folder / "policy.toml"
        self.write_policy("nothing", {}, 1)
        self.ok("media list", ["media", "list", self.place, "--policy", self.policy])

    def write_policy(self, source, routes, keep):
        """The routes are pools by the name of a rule; what is not there goes to the first pool."""
        text = f'version = 1\n[archive]\nstore = "{self.folder}"\npaths = ["{source}"]\n'
        for pool, size in (("near", "4M"), ("far", "8M"), ("attic", "16M")):
            text += f'[pools.{pool}]\nkind = "disk"\npath = "{self.pool(pool)}"\nvolume-size = "{size}"\n'
            text += 'parity = "2+1"\n' if pool == "near" else ""
        whens = {"large": '{ size = ">2M" }', "text": '{ path = ["*.txt", "*.log", "*.c"] }'}
        for rule in RULES:
            text += f'[[rules]]\nname = "{rule}"\npools = {routes.get(rule, POOLS[:1])}\n'
            text += f"when = {whens[rule]}\n" if rule in whens else ""
        for pool in POOLS:
            text += f"[retention.{pool}]\nlast = {keep}\n"
        self.policy.write_text(text, encoding="utf-8")

    def pool(self, name):
        return self.folder.parent / f"pool-{name}"

    def archive(self, source, name, random):
        routes = {rule: random.sample(POOLS, random.choice([1, 1, 2, 3])) for rule in RULES}
        self.write_policy(source, routes, 1)
        more = ["--reread"] * (random.random() < 0.2)
        return ["archive", "--policy", self.policy, "--name", name, "--volume-size", "8M", *more]

    def prune(self, place, keep, random):
        self.write_policy("nothing", {}, keep)
        return ["prune", "--policy", self.policy, "--used-max", random.choice([20, 50, 80])]

    def closed_volumes(self):
        """Numbers and pools of the volumes that are written to no more."""
        documents = self.ok("media list", ["media", "list", self.place]).documents("volume")
        return [(one["number"], one["pool"]) for one in documents if one["closed"]]

    def folders(self):
        return [self.folder, *(self.pool(name) for name in POOLS[1:])]


def moment(text):
    """A time that can be compared: digits behind the second are left out where there are none."""
    whole, _, part = text.rstrip("Z").partition(".")
    return whole, part.ljust(9, "0")
