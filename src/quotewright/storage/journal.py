"""The journal of a run as Parquet: written in order, in blocks, the same bytes for the same records."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from quotewright.domain.journal import JOURNAL
from quotewright.storage.schema import arrow, from_arrow, parquet, to_arrow

JOURNAL_FILE = "journal.parquet"

_FEW_VALUES = ["kind", "side", "reason", "flags", "agent", "instrument"]


class JournalWriter:
    """Appends journal records to a file; use as a context manager, then read `rows` and `sha256`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        fields = [arrow.field(name, arrow.from_numpy_dtype(JOURNAL[name])) for name in JOURNAL.names or ()]
        self._schema = arrow.schema(fields, metadata={"quotewright_journal": "1"})
        self._writer: Any = None

    def __enter__(self) -> Self:
        wide = {name: "DELTA_BINARY_PACKED" for name in JOURNAL.names or () if name not in _FEW_VALUES}
        self._writer = parquet.ParquetWriter(
            str(self.path), self._schema, compression="zstd", use_dictionary=_FEW_VALUES, column_encoding=wide
        )
        return self

    def append(self, records: npt.NDArray[Any]) -> None:
        """Write records as one block."""
        if len(records) == 0:
            return
        columns = [to_arrow(records[name]) for name in JOURNAL.names or ()]
        self._writer.write_table(arrow.Table.from_arrays(columns, schema=self._schema))
        self.rows += len(records)

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    @property
    def sha256(self) -> str:
        """Hash of the closed file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def read_journal(path: Path) -> npt.NDArray[Any]:
    """All records of a journal file as a JOURNAL array."""
    table = parquet.read_table(str(path))
    records = np.zeros(table.num_rows, JOURNAL)
    for name in (JOURNAL.names or ()) if len(records) else ():
        records[name] = from_arrow(table.column(name), JOURNAL[name])
    return records
