"""The peers: how each makes a store, archives and restores, with encryption and zstd at level 3.

Settings are what a user gets who asks for that and nothing else; `version()` says which. It also
says what each syncs before it says that it is done, as seen on Linux by
`strace -f -y -e trace=fsync,fdatasync,sync_file_range,syncfs,sync` with restic 0.14.0,
rustic 0.11.4 and borg 1.2.4. A pipe of tar keeps no second archive apart from the first.
"""

import os
import shutil
import subprocess
from pathlib import Path

PASSPHRASE = "a passphrase for a measurement"
RUSTIC_VERSION = "0.11.4"


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def apt(*packages):
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-y", "-qq", *packages)


class Tool:
    name: str
    program: str
    is_incremental = True

    def __init__(self, work):
        self.work = work

    def is_there(self):
        return shutil.which(self.program) is not None

    def restored(self, target, source):
        """Where a restore into `target` put what was in `source`."""
        return target / str(source).lstrip("/")


class Mover(Tool):
    name = program = "mover"

    def __init__(self, work):
        super().__init__(work)
        built = Path(__file__).resolve().parents[3] / "target/release/mover"
        self.program = os.environ.get("MOVER", str(built))
        os.environ["MOVER_PASSPHRASE"] = PASSPHRASE
        os.environ["XDG_STATE_HOME"], os.environ["XDG_CACHE_HOME"] = str(work / "state"), str(work / "cache")

    def install(self):
        run("cargo", "build", "--release", "--locked", "-p", "mover")

    def version(self):
        return (
            run(self.program, "--version").strip() + ": all default components, all in wasm; "
            "syncs volumes, catalog and a journal; of a restore, every 2.5 s, what is there"
        )

    def init(self, store):
        run(self.program, "init", store)
        # Code is compiled once for each installation, and not in what is measured.
        run(self.program, "archive", __file__, "--to", store, "--name", "warm", "--quiet")

    def archive(self, store, source, name):
        return [self.program, "archive", source, "--to", store, "--name", "set", "--quiet"]

    def restore(self, store, source, target):
        return [self.program, "restore", store, "set", "--into", target, "--quiet"]

    def restore_one(self, store, source, path, target):
        return [*self.restore(store, source, target), path.relative_to(source)]

    def restored(self, target, source):
        return target


class Restic(Tool):
    name = program = "restic"

    def __init__(self, work):
        super().__init__(work)
        os.environ["RESTIC_PASSWORD"], os.environ["RESTIC_CACHE_DIR"] = PASSPHRASE, str(work / "restic-cache")

    def install(self):
        apt("restic")

    def version(self):
        return (
            run("restic", "version").split(" compiled")[0] + ": repository version 2, compression auto; "
            "syncs packs, index and snapshot, and their folders; nothing of a restore"
        )

    def init(self, store):
        run("restic", "init", "--repository-version", "2", "-r", store)

    def archive(self, store, source, name):
        return ["restic", "backup", "--compression", "auto", "-r", store, "--quiet", source]

    def restore(self, store, source, target):
        return ["restic", "restore", "latest", "-r", store, "--target", target, "--quiet"]

    def restore_one(self, store, source, path, target):
        return [*self.restore(store, source, target), "--include", path]


class Rustic(Tool):
    name = program = "rustic"

    def __init__(self, work):
        super().__init__(work)
        os.environ["RUSTIC_PASSWORD"] = PASSPHRASE
        os.environ["PATH"] += f":{work / 'peers/bin'}"

    def install(self):
        run("cargo", "install", "--quiet", "--locked", "--root", self.work / "peers", f"rustic-rs@{RUSTIC_VERSION}")

    def version(self):
        return (
            run("rustic", "--version").strip() + ": zstd level 3; "
            "syncs packs, index and snapshot, and not their folders; nothing of a restore"
        )

    def init(self, store):
        run("rustic", "-r", store, "init", "--set-compression", "3")

    def archive(self, store, source, name):
        return ["rustic", "-r", store, "backup", "--no-progress", source]

    def restore(self, store, source, target):
        return ["rustic", "-r", store, "restore", "--no-progress", f"latest:{source}", target]

    def restore_one(self, store, source, path, target):
        return ["rustic", "-r", store, "restore", "--no-progress", f"latest:{path}", target / path.relative_to(source)]

    def restored(self, target, source):
        # It keeps what is in the folder, and nothing of the folder itself.
        shutil.copystat(source, target)
        return target


class Borg(Tool):
    name = program = "borg"

    def __init__(self, work):
        super().__init__(work)
        os.environ["BORG_PASSPHRASE"], os.environ["BORG_BASE_DIR"] = PASSPHRASE, str(work / "borg")
        os.environ["BORG_RELOCATED_REPO_ACCESS_IS_OK"] = os.environ["BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK"] = "yes"

    def install(self):
        apt("borgbackup")

    def version(self):
        return (
            run("borg", "--version").strip() + ": repokey-blake2, zstd,3; "
            "syncs segments and their folders, index and cache; nothing of a restore"
        )

    def init(self, store):
        run("borg", "init", "--encryption", "repokey-blake2", store)

    def archive(self, store, source, name):
        self.newest = f"{store}::{name}"
        return ["borg", "create", "--compression", "zstd,3", self.newest, source]

    def restore(self, store, source, target):
        # borg extracts where it stands.
        return ["sh", "-c", f'cd "{target}" && exec borg extract "{self.newest}"']

    def restore_one(self, store, source, path, target):
        return ["sh", "-c", f'cd "{target}" && exec borg extract "{self.newest}" "{str(path).lstrip("/")}"']


class Pipe(Tool):
    name, program, is_incremental = "tar|zstd|age", "age", False

    def __init__(self, work):
        super().__init__(work)
        self.key = work / "age.key"

    def install(self):
        apt("age", "zstd", "tar")

    def version(self):
        return f"{run('tar', '--version').splitlines()[0]}, {run('zstd', '--version').strip()}, age {run('age', '--version').strip()}: -3 -T{os.cpu_count()}; syncs nothing"

    def init(self, store):
        if not self.key.exists():
            run("age-keygen", "-o", self.key)

    def archive(self, store, source, name):
        script = f'set -o pipefail; tar --xattrs --xattrs-include="*" -C "{source}" -cf - . | zstd -q -3 -T0 | age -r "$(age-keygen -y "{self.key}")" -o "{store}"'
        return ["bash", "-c", script]

    def restore(self, store, source, target):
        return ["bash", "-c", f'set -o pipefail; age -d -i "{self.key}" "{store}" | zstd -q -d | tar --xattrs --xattrs-include="*" -C "{target}" -xpf -']

    def restore_one(self, store, source, path, target):
        inside = f"./{path.relative_to(source)}"
        return ["bash", "-c", f'set -o pipefail; age -d -i "{self.key}" "{store}" | zstd -q -d | tar -C "{target}" -xpf - "{inside}"']

    def restored(self, target, source):
        return target


ALL = {one.name: one for one in (Mover, Restic, Rustic, Borg, Pipe)}
