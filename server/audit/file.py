"""The file under the audit trail: whole lines or none, one writer, and a chain that survives rotation and restart."""

import errno
import fcntl
import os
from pathlib import Path

from server.audit.chain import Head, head_of

MODE = 0o600
HEAD_BYTES = 96
"""Of the file beside the trail, `NAME.head`: number and hash of the last line, padded, so one write replaces it."""

LONGEST_LINE = 16_384
"""Bytes, above five fields of characters that JSON writes with twelve bytes each."""


class AuditError(Exception):
    """The trail cannot be opened or written; the message says what to do. It names the file and no content."""


class TrailFile:
    """The open file, and where its chain ends. What fails raises AuditError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.repaired = False
        """Whether the last line was written in part only, and was taken back."""
        self._fd = -1
        self._dirty = self._torn = False
        try:
            self._head_fd = os.open(_beside(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
        except OSError as error:
            raise _unusable(path, error) from None
        try:
            self._lock()
            self._open()
            self.head = self._last()
        except BaseException:
            self.close()
            raise

    @property
    def moved(self) -> bool:
        """Whether the file was taken away or replaced, as by logrotate, since it was opened."""
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            return True
        except OSError as error:
            raise _unusable(self.path, error) from None
        return (there.st_dev, there.st_ino) != self._identity

    def current(self) -> Head:
        """The end of the trail, in the file that has the name now."""
        if self.moved:
            self.sync()
            self._open()
        return self.head

    def append(self, line: bytes) -> None:
        """Adds a line, given without its newline, or nothing at all."""
        data = b"\n" * self._torn + line + b"\n"
        try:
            end = os.fstat(self._fd).st_size
            written = os.write(self._fd, data)
            if written < len(data):  # the disk had room for a part of it
                self._cut(end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise _unusable(self.path, error) from None
        self._torn = False
        self.head = self.head.after(line)
        self._dirty = True

    def sync(self) -> None:
        """Waits until the disk has what was written. Safe beside `append` in another thread."""
        if not self._dirty:
            return
        self._dirty, head = False, self.head
        try:
            os.fsync(self._fd)
            os.pwrite(self._head_fd, f"{head.seq} {head.hash}".ljust(HEAD_BYTES - 1).encode() + b"\n", 0)
            os.fsync(self._head_fd)
        except OSError as error:
            self._dirty = True
            raise _unusable(self.path, error) from None

    def close(self) -> None:
        for descriptor in (self._fd, self._head_fd):
            if descriptor >= 0:
                os.close(descriptor)
        self._fd = self._head_fd = -1

    def _lock(self) -> None:
        try:
            fcntl.flock(self._head_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AuditError(f"--audit {self.path}: another server writes this file, give each one its own") from None

    def _open(self) -> None:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
        except OSError as error:
            raise _unusable(self.path, error) from None
        if self._fd >= 0:
            # The number stays the same, so that a `sync` in its thread never meets a descriptor that is closed.
            os.dup2(descriptor, self._fd, inheritable=False)
            os.close(descriptor)
        else:
            self._fd = descriptor
        there = os.fstat(self._fd)
        self._identity = (there.st_dev, there.st_ino)

    def _cut(self, end: int) -> None:
        """Takes back a line that was written in part, since it never was one."""
        try:
            os.ftruncate(self._fd, end)
        except OSError:  # a file that may only grow (chattr +a): `verify` will name the part
            self._torn = True

    def _last(self) -> Head:
        """Where the trail ended: in this file, or, after a rotation, in one before it.

        Where lines are gone that the disk had stored, the chain goes on from what was stored: `verify` names the place.
        """
        size = os.fstat(self._fd).st_size
        tail = os.pread(self._fd, LONGEST_LINE, max(0, size - LONGEST_LINE))
        if tail and not tail.endswith(b"\n"):  # the host lost its power while this line was written
            whole, _, part = tail.rpartition(b"\n")
            self._cut(size - len(part))
            self.repaired = True
            tail = whole
        rotated = self.path.with_name(self.path.name + ".1")
        before = b"" if tail else _tail(rotated)
        return max(_end(tail), _end(before), _parsed(os.pread(self._head_fd, HEAD_BYTES, 0)), key=lambda head: head.seq)


def stored_head(path: Path) -> Head:
    """The end of the trail `path` as it was last stored beside it; `Head()` if nothing is there."""
    return _parsed(_tail(_beside(path)))


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".head")


def _parsed(stored: bytes) -> Head:
    seq, _, digest = stored.decode("ascii", "replace").strip().partition(" ")
    return Head(int(seq), digest) if seq.isdigit() and len(digest) == 64 else Head()


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LONGEST_LINE))
            return file.read()
    except OSError:
        return b""


def _end(tail: bytes) -> Head:
    lines = tail.splitlines()
    return (head_of(lines[-1]) if lines else None) or Head()


def _unusable(path: Path, error: OSError) -> AuditError:
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    remedy = {
        errno.ENOSPC: "make room on that disk",
        errno.EDQUOT: "raise the quota of the server's user",
        errno.EACCES: "let the server's user write it",
        errno.EPERM: "let the server's user write it",
        errno.EROFS: "name a file on a disk that can be written",
        errno.ENOENT: "make its folder",
        errno.EISDIR: "name a file and not a folder",
    }.get(error.errno or 0, "look at that disk")
    then = "no new session begins until then"
    return AuditError(f"the audit trail {path} cannot be written ({reason}): {remedy}; {then}")
