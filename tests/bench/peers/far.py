"""The other machine, which is this one: servers on loopback, which end with this process."""

import getpass
import os
import socket
import subprocess
import sys
import time

HOST = "127.0.0.1"
SSHD = "/usr/sbin/sshd"


def free_port():
    with socket.create_server((HOST, 0)) as listener:
        return listener.getsockname()[1]


def serve(command, port, log, **options):
    """Starts a server, and returns it when it listens."""
    with open(log, "wb") as output:
        server = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options,
        )
    for _ in range(100):
        try:
            socket.create_connection((HOST, port)).close()
            return server
        except ConnectionRefusedError:
            time.sleep(0.1)
    sys.exit(f"{command[0]} does not listen:\n{log.read_text(errors='replace')}")


def stop(server):
    server.terminate()
    server.wait()


class Sshd:
    """An sshd for this user alone, with keys of its own: nothing of the machine's ssh is used or changed."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.folder, self.port = folder, free_port()
        self.user, self.key, self.known = getpass.getuser(), folder / "key", folder / "known"
        for key in (self.key, folder / "host"):
            if not key.exists():
                subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        self.known.write_text(f"[{HOST}]:{self.port} {(folder / 'host.pub').read_text()}")
        # More connections at once than by default, which rclone makes; and a home without a .bashrc,
        # which would be timed with each command.
        (folder / "sshd_config").write_text(
            f'ListenAddress {HOST}:{self.port}\nHostKey "{folder}/host"\nAuthorizedKeysFile "{folder}/key.pub"\n'
            "PasswordAuthentication no\nStrictModes no\nPidFile none\nMaxStartups 100\nSubsystem sftp internal-sftp\n"
            f'SetEnv "HOME={folder}"\n'
        )
        (folder / "ssh_config").write_text(
            f'Host far\n    HostName {HOST}\n    Port {self.port}\n    User {self.user}\n    IdentityFile "{self.key}"\n'
            f'    IdentitiesOnly yes\n    UserKnownHostsFile "{self.known}"\n'
        )
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        command = [SSHD, "-D", "-e", "-f", folder / "sshd_config"]
        self.server = serve(command, self.port, folder / "sshd.log")
