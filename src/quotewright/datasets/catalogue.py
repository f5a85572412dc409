"""A folder of datasets, each version by its content hash: NAME@HASH.parquet and, written last, NAME@HASH.json."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import msgspec
import polars as pl

from quotewright.datasets.checks import check
from quotewright.datasets.dataset import Dataset, rows_digest
from quotewright.datasets.manifest import Manifest, decode, encode
from quotewright.domain.errors import DataError, InputError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_REFERENCE = re.compile(r"([a-z0-9][a-z0-9._-]*)(?:@([0-9a-f]*))?")


class Catalogue:
    """The datasets of one folder; it is made when the first is saved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, dataset: Dataset) -> Manifest:
        """Keep a dataset under its hash, with what the checks find, and return its manifest; the same content once.

        Nothing is ever overwritten. Raises InputError for a name that cannot be a file's.
        """
        manifest = dataset.manifest
        if not _NAME.fullmatch(manifest.name):
            raise InputError("name", manifest.name, "use lower-case letters, digits, dots, dashes and underscores")
        if self._path(manifest.reference, "json").exists():
            return self.get(manifest.reference).manifest
        if manifest.findings is None:
            manifest = msgspec.structs.replace(manifest, findings=check(dataset))
        self.folder.mkdir(parents=True, exist_ok=True)
        frame = self._path(manifest.reference, "parquet")
        beside = _beside(frame)
        dataset.frame.write_parquet(beside, compression="zstd")
        _settle(beside, frame)
        sealed = self._path(manifest.reference, "json")
        beside = _beside(sealed)
        beside.write_bytes(encode(manifest))
        _settle(beside, sealed)
        return manifest

    def manifests(self) -> list[Manifest]:
        """What there is, by name and then by number of steps; raises DataError for a damaged manifest."""
        found = [decode(path.read_bytes(), path.name) for path in self.folder.glob("*@*.json")]
        return sorted(found, key=lambda manifest: (manifest.name, len(manifest.steps), manifest.hash))

    def manifest(self, reference: str) -> Manifest:
        """The manifest that NAME, or NAME@ and the first digits of a hash, names.

        Raises InputError if there is none or more than one: which version was meant must not be guessed.
        """
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise InputError("dataset", reference, "write NAME or NAME@HASH")
        versions = [one for one in self.manifests() if one.name == match[1] and one.hash.startswith(match[2] or "")]
        if not versions:
            names = ", ".join(one.reference for one in self.manifests()) or "nothing"
            raise InputError("dataset", reference, f"is not in the catalogue, which has {names}")
        if len(versions) > 1:
            raise InputError("dataset", reference, f"say which: {', '.join(one.reference for one in versions)}")
        return versions[0]

    def get(self, reference: str) -> Dataset:
        """Load a dataset and verify its content; see `manifest` for what names it.

        Raises DataError if the rows are not those that the manifest was made for.
        """
        manifest = self.manifest(reference)
        path = self._path(manifest.reference, "parquet")
        try:
            frame = pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{path.name}: gone or damaged ({error}); make the dataset again") from error
        if rows_digest(frame) != manifest.rows_digest:
            raise DataError(f"{path.name}: the rows are not those of {manifest.reference}; make the dataset again")
        return Dataset(manifest, frame)

    def lineage(self, reference: str) -> list[Manifest]:
        """The dataset and those that it was cleaned from, newest first, as far as the catalogue has them."""
        known = {one.hash: one for one in self.manifests()}
        chain = [self.manifest(reference)]
        while chain[-1].parent in known:
            chain.append(known[chain[-1].parent])
        return chain

    def _path(self, reference: str, suffix: str) -> Path:
        return self.folder / f"{reference}.{suffix}"


def _beside(final: Path) -> Path:
    """Where to write a file first: a place that no other worker who saves the same dataset writes to."""
    return final.with_name(f".{final.name}.{os.getpid()}.{threading.get_ident()}")


def _settle(written: Path, final: Path) -> None:
    """Let a file be seen under its name only when all of it is on the disk."""
    with written.open("rb") as file:
        os.fsync(file.fileno())
    written.replace(final)
