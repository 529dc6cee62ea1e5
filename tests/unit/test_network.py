"""Whether a ledger's folder is on a network share: by sample mount tables, UNC paths, and the sentence of refusal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from navplugin.core.errors import LedgerUnusable
from navplugin.ledger import SqlLedger
from navplugin.ledger.network import on_network

MOUNTS = """\
sysfs /sys sysfs rw,nosuid 0 0
/dev/sda1 / ext4 rw,relatime 0 0
nas:/volume1 /srv nfs4 rw,vers=4.2 0 0
/dev/sdb1 /srv/local xfs rw 0 0
//server/share /mnt/till\\040data cifs rw,vers=3.1.1 0 0
sshfs#me@host: /mnt/ssh fuse.sshfs rw 0 0
overlay /var/lib/docker overlay rw 0 0
host0 /mnt/vm 9p rw 0 0
broken line
"""

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="mount tables are of Linux; Windows asks the drive")


@POSIX_ONLY
@pytest.mark.parametrize(
    ("path", "share"),
    [
        ("/var/lib/navplugin/navplugin.db", ""),
        ("/srv/navplugin.db", "nfs4"),
        ("/srv", "nfs4"),
        ("/srv/local/navplugin.db", ""),
        ("/srvother/navplugin.db", ""),
        ("/mnt/till data/deep/down/navplugin.db", "cifs"),
        ("/mnt/till/navplugin.db", ""),
        ("/mnt/ssh/navplugin.db", "fuse.sshfs"),
        ("/mnt/vm/navplugin.db", "9p"),
        ("/var/lib/docker/navplugin.db", ""),
    ],
)
def test_the_longest_mount_point_above_the_file_decides(tmp_path: Path, path: str, share: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS, "utf-8")
    assert on_network(Path(path), mounts) == share


@POSIX_ONLY
def test_the_last_mount_on_the_same_point_counts(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sdb1 /data ext4 rw 0 0\nnas:/v /data nfs rw 0 0\n", "utf-8")
    assert on_network(Path("/data/l.db"), mounts) == "nfs"


@POSIX_ONLY
def test_a_link_is_followed_to_where_the_ledger_really_is(tmp_path: Path) -> None:
    """A folder of this disk that is a link to the share."""
    mounts, share, link = tmp_path / "mounts", tmp_path / "share", tmp_path / "state"
    share.mkdir()
    link.symlink_to(share)
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nnas:/v {share.resolve()} nfs rw 0 0\n", "utf-8")
    assert on_network(link / "l.db", mounts) == "nfs"


def test_where_the_system_does_not_say_it_is_no_share(tmp_path: Path) -> None:
    assert on_network(tmp_path / "l.db", tmp_path / "missing") == ""


@POSIX_ONLY
def test_a_table_that_is_not_utf_8_is_read_all_the_same(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_bytes(b"/dev/sdb1 /m\xfcll ext4 rw 0 0\nnas:/v /data nfs rw 0 0\n")
    assert on_network(Path("/data/l.db"), mounts) == "nfs"


@pytest.mark.parametrize("path", [r"\\server\share\navplugin.db", r"\\?\UNC\server\share\navplugin.db"])
def test_a_unc_path_is_a_share(monkeypatch: pytest.MonkeyPatch, path: str, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "resolve", lambda self, strict=False: self)
    assert on_network(Path(path), tmp_path / "missing") == "a UNC path"


@POSIX_ONLY
@pytest.mark.parametrize("path", [r"\\?\C:\navplugin\navplugin.db", r"\\.\C:\navplugin.db"])
def test_a_device_path_of_windows_is_no_unc_path(monkeypatch: pytest.MonkeyPatch, path: str, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "resolve", lambda self, strict=False: self)
    assert on_network(Path(path), tmp_path / "missing") == ""


def test_a_ledger_on_a_share_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("navplugin.ledger.base.on_network", lambda path: "cifs")
    path = tmp_path / "new" / "navplugin.db"
    with pytest.raises(LedgerUnusable, match=r"is on a network share \(cifs\).*put `state` on a disk of this machine"):
        SqlLedger(path)
    assert not path.parent.exists()


def test_a_ledger_in_memory_is_on_no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("navplugin.ledger.base.on_network", lambda path: "cifs")
    SqlLedger(Path(":memory:")).close()
