"""Reads folders of rule files and of cases from disk; what they mean is for `navplugin.rulebook`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

CASES = "cases"
STORES = "stores"


def read_folder(folder: Path) -> tuple[tuple[str, bytes], ...]:
    """The rule files of a folder, with those of stores/<Store No.>, by path as problems show it. Raises OSError."""
    found = _ini_files(folder)
    stores = folder / STORES
    if stores.is_dir():
        for store in sorted(p for p in stores.iterdir() if p.is_dir()):
            found += _ini_files(store)
    return _read(found)


def read_cases(folder: Path) -> tuple[tuple[str, bytes], ...]:
    """The case files beside the rules, in the folder `cases`; none where there is no such folder. Raises OSError."""
    cases = folder / CASES
    return _read(_ini_files(cases)) if cases.is_dir() else ()


def _ini_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() == ".ini" and p.is_file())


def _read(paths: Iterable[Path]) -> tuple[tuple[str, bytes], ...]:
    return tuple((path.as_posix(), path.read_bytes()) for path in paths)
