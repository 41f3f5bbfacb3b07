"""Stand-ins for public base images, built from this machine's files, if the images themselves cannot be pulled.

`python3 -m ops.toolchain.base_images DIR` fills DIR with folders for BuildKit's named contexts (`CONTEXTS`), so that
the Dockerfiles of runtime/ and pool/ build unchanged. The same inputs produce the same bytes and times, and so the
same layer. If nothing changed, a second call only compares a few fingerprints.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import ssl
import stat
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ops.toolchain import file_tree
from ops.toolchain.errors import ToolError
from ops.toolchain.file_tree import FileTree

CONTEXTS = {
    "node:22-bookworm-slim": "node",
    "python:3.11-slim-bookworm": "python",
    "dependencies": "pool-dependencies",
}
"""Named build context -> folder in DIR. `dependencies` is the stage of pool/Dockerfile that needs a package index."""

CHECKOUT = Path(__file__).resolve().parents[2]
REQUIREMENTS = CHECKOUT / "pool" / "requirements.txt"
NODE_MINIMUM = 20
EPOCH = 1_700_000_000
"""The modification time of every file, in seconds since 1970: a layer's digest depends on it."""
_ALIAS_SECONDS = 30 * 24 * 3600.0
"""How long an alias that no stack has asked for is kept (`named_by_content`)."""
PIP_SECONDS = 600.0

SHELL_PROGRAMS = (
    *("[", "awk", "base64", "basename", "bash", "cat", "chgrp", "chmod", "chown", "cksum", "cmp", "comm", "cp", "cut"),
    *("date", "dd", "df", "diff", "dirname", "du", "echo", "env", "expand", "expr", "false", "find", "fold", "getent"),
    *("grep", "gzip", "head", "hostname", "id", "install", "join", "kill", "link", "ln", "ls", "md5sum", "mkdir"),
    *("mkfifo", "mktemp", "mv", "nice", "nl", "nohup", "nproc", "od", "paste", "pgrep", "pkill", "printenv", "printf"),
    *("ps", "pwd", "readlink", "realpath", "rm", "rmdir", "sed", "seq", "setsid", "sh", "sha256sum", "shuf", "sleep"),
    *("sort", "split", "stat", "stdbuf", "stty", "sync", "tac", "tail", "tar", "tee", "test", "timeout", "touch", "tr"),
    *("true", "truncate", "tty", "uname", "uniq", "wc", "which", "whoami", "xargs", "yes"),
)
"""Programs of a slim base image that scripts may use; they are copied one by one if there is no busybox."""
BUSYBOX_LEAVES_OUT = {"busybox", "dpkg", "dpkg-deb", "rpm", "rpm2cpio", "node", "python", "python3"}
STDLIB_LEAVES_OUT = {
    *("test", "tests", "idlelib", "lib2to3", "ensurepip", "turtledemo", "tkinter", "pydoc_data", "site-packages"),
    *("dist-packages", "__pycache__", "idle_test"),
}
EXTENSION_LEAVES_OUT = re.compile(r"_tkinter|_test|xxlimited|_ctypes_test|_xxtestfuzz|nis\.")


@dataclass(frozen=True)
class MadeFolder:
    """A folder that was built or is up to date.

    Args:
        name: the folder's name.
        way: its source, for people.
        megabytes: the size of its files.
        made: False if it was up to date.
    """

    name: str
    way: str
    megabytes: float
    made: bool


def _base(tree: FileTree) -> str:
    """Add the common part: users, name service, certificates, a shell with the usual programs; return its source."""
    tree.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n")
    tree.write("/etc/group", "root:x:0:\nnode:x:1000:\n")
    tree.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    bundle = Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")
    if bundle.exists():
        tree.add(bundle, "/etc/ssl/certs/ca-certificates.crt")
    for folder in ("root", "home/node", "proc", "sys", "dev", "run", "var/tmp", "tmp"):
        (tree.root / folder).mkdir(parents=True, exist_ok=True)
    (tree.root / "tmp").chmod(0o1777)
    busybox = shutil.which("busybox")
    if busybox is None:
        for name in SHELL_PROGRAMS:
            if program := shutil.which(name):
                tree.add_program(Path(program), f"/bin/{name}")
        return "this machine's shell programs"
    tree.add_program(Path(busybox), "/bin/busybox")
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for name in sorted(set(listed) - BUSYBOX_LEAVES_OUT):
        tree.link(f"/bin/{name}", "busybox")
    tree.link("/usr/bin/env", "/bin/busybox")
    return "busybox"


def _node(tree: FileTree) -> str:
    """Build the stand-in for the Node image."""
    node = shutil.which("node")
    version = _output(node, "--version") if node else ""
    if node is None or int((re.match(r"v(\d+)", version) or [0, 0])[1]) < NODE_MINIMUM:
        found = f"node {version} on PATH is too old" if node else "no node on PATH"
        step = f"put Node {NODE_MINIMUM} or newer on PATH (https://nodejs.org/en/download)"
        raise ToolError("base image node:22-bookworm-slim", found, step)
    shell = _base(tree)
    tree.add_program(Path(node).resolve(), "/usr/local/bin/node")
    tree.link("/usr/local/bin/nodejs", "node")
    return f"this machine's node {version.removeprefix('v')} and {shell}"


def _python(tree: FileTree) -> str:
    """Build the stand-in for the Python image: the running interpreter, without tests and installed packages."""
    shell = _base(tree)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    program = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    tree.add_program(program, f"/usr/local/bin/python{version}")
    for name in ("python", "python3"):
        tree.link(f"/usr/local/bin/{name}", f"python{version}")
    stdlib = Path(sysconfig.get_path("stdlib", vars={"base": sys.base_prefix, "installed_base": sys.base_prefix}))
    extensions: list[Path] = []
    for source in _stdlib_files(stdlib):
        tree.add(source, f"/usr/local/lib/python{version}/{source.relative_to(stdlib)}")
        if source.suffix == ".so":
            extensions.append(source)
    tree.add_libraries(extensions)
    return f"this machine's python {platform.python_version()} and {shell}"


def _stdlib_files(stdlib: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(stdlib):
        folders[:] = sorted(n for n in folders if n not in STDLIB_LEAVES_OUT and not n.startswith("config-"))
        for name in sorted(files):
            if not EXTENSION_LEAVES_OUT.match(name) and not name.endswith((".pyc", ".a", ".exe")):
                yield Path(folder) / name


def _dependencies(tree: FileTree) -> str:
    """Build the stand-in for the stage `dependencies` of pool/Dockerfile, with this machine's pip."""
    target = tree.root / "dependencies"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    command += ["--no-input", "--require-hashes", "--only-binary", ":all:", "--target", str(target)]
    command += ["-r", str(REQUIREMENTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise ToolError("pool's dependencies", said[-1], "python needs pip and a package index: see pip config list")
    shutil.rmtree(target / "bin", ignore_errors=True)  # scripts whose first line contains this machine's Python
    tree.sources.add(REQUIREMENTS)
    return "pip on this machine"


MAKERS: dict[str, Callable[[FileTree], str]] = {"node": _node, "python": _python, "pool-dependencies": _dependencies}


def _output(*command: str | None) -> str:
    done = subprocess.run([part for part in command if part], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.stdout.strip()


def _fingerprint(path: Path) -> list[int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _settle(root: Path) -> int:
    """Set one modification time and permissions that do not depend on the umask; return the size of the files."""
    size = 0
    for folder, folders, files in os.walk(root, topdown=False):
        for name in [*files, *folders]:
            path = Path(folder) / name
            size += path.lstat().st_size if not path.is_dir() or path.is_symlink() else 0
            if not path.is_symlink():
                _open_to_all(path)
            os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)
    os.utime(root, (EPOCH, EPOCH))
    return size


def _open_to_all(path: Path) -> None:
    """Make everything readable for all users, whatever the umask was: an image's process does not own the files."""
    mode = path.stat().st_mode
    if not mode & stat.S_ISVTX:
        path.chmod(0o755 if path.is_dir() or mode & 0o111 else 0o644)


def _key(name: str) -> str:
    """Return a digest of everything that determines a part, except its source files, which the stamp lists."""
    interpreter = getattr(sys, "_base_executable", sys.executable)
    chosen = [sys.version, interpreter, shutil.which("node"), shutil.which("busybox")]
    code = Path(__file__).read_bytes() + Path(file_tree.__file__).read_bytes()
    return hashlib.sha256(repr((name, chosen)).encode() + code).hexdigest()


def _up_to_date(stamp: Path, name: str) -> MadeFolder | None:
    try:
        noted = json.loads(stamp.read_text())
        same = noted["key"] == _key(name) and (stamp.parent / name).is_dir()
        same = same and all(_fingerprint(Path(path)) == seen for path, seen in noted["sources"].items())
        return MadeFolder(name, noted["way"], noted["megabytes"], made=False) if same else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _make(folder: Path, name: str) -> MadeFolder:
    stamp = folder / f"{name}.json"
    found = _up_to_date(stamp, name)
    if found is not None:
        return found
    stamp.unlink(missing_ok=True)
    shutil.rmtree(folder / name, ignore_errors=True)
    fresh = folder / f"{name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True, mode=0o755)
    tree = FileTree(fresh)
    way = MAKERS[name](tree)
    megabytes = round(_settle(fresh) / 1e6, 1)
    fresh.rename(folder / name)
    sources = {str(path): _fingerprint(path) for path in sorted(tree.sources)}
    noted = {"key": _key(name), "way": way, "megabytes": megabytes, "sources": sources}
    stamp.write_text(json.dumps(noted))
    return MadeFolder(name, way, megabytes, made=True)


def make(folder: Path, names: Iterable[str] = tuple(MAKERS)) -> list[MadeFolder]:
    """Build the folders that are missing or out of date; concurrent calls wait for each other.

    Args:
        folder: the target; the stamps are beside the parts.
        names: the parts.

    Raises:
        ToolError: the system is not Linux, or a program that a part needs is missing.
    """
    if platform.system() != "Linux":
        raise ToolError("base images", f"stand-ins need Linux programs, but this is {platform.system()}", "use Docker")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return [_make(folder, name) for name in names]


def named_by_content(folder: Path) -> Path:
    """Return a path of `folder` that changes with its content.

    docker-build hashes the build context, but not the named ones: with a constant path, a new base goes unnoticed.
    """
    digest = hashlib.sha256(b"".join(stamp.read_bytes() for stamp in sorted(folder.glob("*.json")))).hexdigest()[:12]
    alias = folder / f"at-{digest}"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not alias.is_symlink():
            alias.symlink_to(".")
        os.utime(alias, follow_symlinks=False)
        # Another checkout that shares this cache may have a stack whose images use an older alias.
        for old in folder.glob("at-*"):
            if time.time() - old.lstat().st_mtime > _ALIAS_SECONDS:
                old.unlink()
    return alias


def main(argv: list[str]) -> int:
    """Run the command line, and return its exit code."""
    if len(argv) != 1:
        sys.stderr.write("usage: python3 -m ops.toolchain.base_images DIR\n")
        return 2
    try:
        parts = make(Path(argv[0]).absolute())
    except ToolError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    said = [f"{p.name} ({p.way}, {p.megabytes:.0f} MB{'' if p.made else ', unchanged'})" for p in parts]
    sys.stdout.write("base images: " + "; ".join(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
