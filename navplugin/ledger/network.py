"""Whether a file lies on a network share. SQLite's write-ahead log needs memory that all its users share: they must be
on one host (SQLite documentation, "Write-Ahead Logging"), and a ledger may not lie there."""

from __future__ import annotations

import sys
from pathlib import Path

SHARES = frozenset({
    "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "9p", "fuse.sshfs", "glusterfs", "ceph",
})  # fmt: skip
MOUNTS = Path("/proc/self/mounts")
_REMOTE = 4
"""GetDriveType: DRIVE_REMOTE."""


def on_network(path: Path, mounts: Path = MOUNTS) -> str:
    """What kind of share this path is on; "" for a disk of this machine, or where the system does not say."""
    whole = _real(path)
    if _is_unc(str(whole)):
        return "a UNC path"
    if sys.platform == "win32":
        return _windows_drive(whole)
    try:
        lines = mounts.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return _mounted(whole, lines)


def _real(path: Path) -> Path:
    """Where the file really is: its folder may be a link, and Windows knows the share behind a drive letter."""
    try:
        return path.resolve()
    except OSError:
        return path.absolute()


def _is_unc(path: str) -> bool:
    if path.startswith("\\\\?\\"):
        return path[4:8].upper() == "UNC\\"
    return path.startswith(("\\\\", "//")) and not path.startswith("\\\\.\\")


def _mounted(path: Path, lines: list[str]) -> str:
    """The share that the longest mount point above the path belongs to. lines: device, mount point, type, ..."""
    best, kind = -1, ""
    above = {str(path), *(str(one) for one in path.parents)}
    for line in lines:
        parts = line.split()
        if len(parts) < 3:
            continue
        point = parts[1].replace("\\040", " ")
        if point in above and len(point) >= best:
            best, kind = len(point), parts[2]
    return kind if kind in SHARES else ""


def _windows_drive(path: Path) -> str:
    import ctypes

    kind = ctypes.windll.kernel32.GetDriveTypeW(path.anchor)  # type: ignore[attr-defined, unused-ignore]
    return "a network drive" if kind == _REMOTE else ""
