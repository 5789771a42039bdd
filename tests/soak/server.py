"""A machine with a long-lived `mover serve` on loopback, and what can be seen of it from outside."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from commands import Failed

HOST = "127.0.0.1"
# How long it may take to listen, to give a store back, to end.
SECONDS_MAX = 60


class Server:
    """One process from the beginning to the end: what it never gives back is seen by then."""

    def __init__(self, machine, client, commands):
        self.machine, self.commands = machine, commands
        self.store = machine.folder / "store"
        with socket.create_server((HOST, 0)) as free:
            self.address = f"{HOST}:{free.getsockname()[1]}"
        self.policy, self.log = machine.folder / "mover.toml", machine.folder / "serve.log"
        self.write_policy(commands.ok("identity", client, ["identity"]).stdout.strip())
        self.process = self.start()
        fingerprint = commands.ok("identity", machine, ["identity"]).stdout.strip()
        commands.ok("trust", client, ["trust", "add", self.address, fingerprint])

    @property
    def url(self):
        return f"mover://{self.address}/main"

    def write_policy(self, peer):
        self.policy.write_text(
            f'version = 1\n[serve]\nlisten = ["{self.address}"]\n[stores.main]\npath = "{self.store}"\n'
            f'[[stores.main.allow]]\npeer = "{peer}"\nrights = ["write", "read", "delete", "keys"]\n',
            encoding="utf-8",
        )

    def start(self):
        """It ends with this process, however that ends."""
        command = self.machine.command(["serve", "--policy", self.policy])
        with open(self.log, "ab") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command], env=self.machine.environment(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        self.until("it listens", lambda: "listening on " in self.text() or process.poll() is not None)
        return process

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def until(self, what, is_so):
        end = time.monotonic() + SECONDS_MAX
        while not is_so():
            if time.monotonic() > end:
                raise Failed(f"the server: not so after {SECONDS_MAX} s: {what}")
            time.sleep(0.05)

    def reload(self):
        """Has the policy read again, which ends nothing."""
        before = len(self.text())
        self.process.send_signal(signal.SIGHUP)
        self.until("the policy is read again", lambda: len(self.text()) > before)

    def open_files(self):
        found = []
        for path in Path(f"/proc/{self.process.pid}/fd").iterdir():
            try:
                found.append(os.readlink(path))
            except FileNotFoundError:
                # Closed meanwhile.
                pass
        return found

    def settle(self):
        """Waits until it has given its store back, as it has to when nobody writes."""
        self.until("the store is given back", lambda: not any(path.startswith(f"{self.store}/") for path in self.open_files()))

    def note(self, notes):
        """What it holds while nobody wants anything of it."""
        if self.process.poll() is not None:
            raise Failed(f"the server has ended with {self.process.returncode}:\n{self.text()[-4000:]}")
        if "panicked at" in self.text():
            raise Failed(f"the server panics:\n{self.text()[-4000:]}")
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        fields = dict(line.split(":", 1) for line in status.splitlines())
        notes.add("memory of the server", "idle", int(fields["VmRSS"].split()[0]) * 1024)
        notes.add("highest memory of the server", "ever", int(fields["VmHWM"].split()[0]) * 1024)
        notes.add("threads of the server", "idle", int(fields["Threads"]))
        notes.add("descriptors of the server", "idle", len(self.open_files()))

    def stop(self):
        """Ends it as an operator does."""
        self.process.terminate()
        if self.process.wait(SECONDS_MAX) != 0:
            raise Failed(f"the server ends with {self.process.returncode}:\n{self.text()[-4000:]}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
