"""How events lie in Parquet: two files a day, by run and by row (see `runs`), their columns and their encodings."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as _pyarrow
import pyarrow.parquet as _parquet

from quotewright.domain.errors import DataError
from quotewright.storage.runs import PER_ROW, PER_RUN, Runs

arrow: Any = _pyarrow  # ships no types
parquet: Any = _parquet

SCHEMA_VERSION = 2
ROW_GROUP = 262_144  # rows that are in memory at once, at least, when streaming

COLUMNS = ("exch_ts", "local_ts", "seq", "order_id", "price", "qty", "kind", "side", "flags")
"""The fields of an event that a dataset holds; its place in the store says which instrument it is."""

FORMS: dict[str, dict[str, Any]] = {"runs": PER_RUN, "rows": PER_ROW}
"""The two files of a day and their columns."""


class _Packing(NamedTuple):
    """How a column is packed; the choices are measured, between size and the time to read."""

    encoding: str  # DICTIONARY or one of Parquet's encodings
    compression: str
    level: int | None = None


_TIMES = _Packing("DELTA_BINARY_PACKED", "lz4")
_COUNTS = _Packing("BYTE_STREAM_SPLIT", "zstd", 1)
_FEW_VALUES = _Packing("DICTIONARY", "none")
_PACKINGS = {
    "exch_ts": _TIMES,
    "local_ts": _TIMES,
    "seq": _Packing("BYTE_STREAM_SPLIT", "zstd", 3),  # its high bytes hardly change
    "order_id": _Packing("PLAIN", "zstd", 3),
    "kind": _FEW_VALUES,
    "flags": _FEW_VALUES,
    "bids": _COUNTS,
    "asks": _COUNTS,
    "price": _Packing("BYTE_STREAM_SPLIT", "zstd", 3),
}
_TIMES_BY_ORDER = _Packing("DELTA_BINARY_PACKED", "zstd", 15)
_FEW_VALUES_BY_ORDER = _Packing("DICTIONARY", "zstd", 3)
_PACKINGS_BY_ORDER = {
    **_PACKINGS,
    "exch_ts": _TIMES_BY_ORDER,
    "local_ts": _TIMES_BY_ORDER,
    "order_id": _Packing("BYTE_STREAM_SPLIT", "zstd", 15),
    **dict.fromkeys(("kind", "flags", "bids", "asks"), _FEW_VALUES_BY_ORDER),
    "price": _Packing("BYTE_STREAM_SPLIT", "zstd", 9),
    "qty": _Packing("PLAIN", "zstd", 9),
}
"""For order-by-order data, where every row is a run: small first, as there are three wide columns more to each row."""

_QTY = (_Packing("PLAIN", "zstd", 3), _Packing("BYTE_STREAM_SPLIT", "zstd", 1))
"""Which is smaller depends on the market: some repeat the same few quantities."""
_VERSION_KEY = "quotewright_schema"


def arrow_schema(form: str) -> Any:
    """The Arrow schema of a day's file of a form, version included."""
    fields = [arrow.field(name, arrow.from_numpy_dtype(kind), nullable=False) for name, kind in FORMS[form].items()]
    return arrow.schema(fields, metadata={_VERSION_KEY: str(SCHEMA_VERSION)})


def open_writer(sink: Any, form: str, first: Runs) -> Any:
    """A ParquetWriter for a day's file of a form; the file's first rows choose how columns are packed."""
    by_order = bool(first.order_id.any())
    known = _PACKINGS_BY_ORDER if by_order else {**_PACKINGS, "qty": _best_qty(first.qty)}
    packings = {name: known[name] for name in FORMS[form]}
    statistics = [name for name in ("exch_ts", "local_ts") if name in FORMS[form]]
    return parquet.ParquetWriter(sink, arrow_schema(form), write_statistics=statistics, **_options(packings))


def _best_qty(qty: npt.NDArray[np.int64]) -> _Packing:
    table = arrow.Table.from_arrays([to_arrow(qty)], names=["qty"])
    sizes: dict[_Packing, int] = {}
    for packing in _QTY:
        sink = arrow.BufferOutputStream()
        parquet.write_table(table, sink, **_options({"qty": packing}))
        sizes[packing] = sink.tell()
    return min(sizes, key=lambda packing: sizes[packing])


def _options(packings: dict[str, _Packing]) -> dict[str, Any]:
    columns = packings.items()
    return {
        "compression": {name: packing.compression for name, packing in columns},
        "compression_level": {name: packing.level for name, packing in columns if packing.level is not None},
        "use_dictionary": [name for name, packing in columns if packing.encoding == "DICTIONARY"],
        "column_encoding": {name: packing.encoding for name, packing in columns if packing.encoding != "DICTIONARY"},
    }


def to_table(runs: Runs, form: str) -> Any:
    """The columns of one form as an Arrow table."""
    return arrow.Table.from_arrays([to_arrow(getattr(runs, name)) for name in FORMS[form]], schema=arrow_schema(form))


def from_group(file: Any, form: str, group: int) -> list[npt.NDArray[Any]]:
    """The columns of one row group, without a copy where Arrow has them in one piece."""
    table = file.read_row_group(group, use_threads=False)
    return [from_arrow(table.column(name), dtype) for name, dtype in FORMS[form].items()]


def to_arrow(column: npt.NDArray[Any]) -> Any:
    """A numpy column as an Arrow array that shares its memory; Arrow's own way there imports pandas, if it can."""
    kind = arrow.from_numpy_dtype(column.dtype)
    return arrow.Array.from_buffers(kind, len(column), [None, arrow.py_buffer(np.ascontiguousarray(column))])


def from_arrow(column: Any, dtype: Any) -> npt.NDArray[Any]:
    """An Arrow column with rows and without nulls as a numpy array, without a copy where Arrow has it in one piece."""
    size = np.dtype(dtype).itemsize
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    parts: list[npt.NDArray[Any]] = [
        np.frombuffer(chunk.buffers()[1], dtype, len(chunk), chunk.offset * size) for chunk in chunks
    ]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts)


def check_schema(path: str, file: Any, form: str) -> None:
    """Raise DataError unless an opened ParquetFile holds exactly our columns in our version."""
    schema = file.schema_arrow
    metadata: dict[bytes, bytes] = schema.metadata or {}
    version = metadata.get(_VERSION_KEY.encode(), b"none").decode("utf-8", "replace")
    if version != str(SCHEMA_VERSION):
        raise DataError(f"{path}: events schema version {version}, expected {SCHEMA_VERSION}: import it again")
    for name, kind in FORMS[form].items():
        index = schema.get_field_index(name)
        expected = str(arrow.from_numpy_dtype(kind))
        if index < 0:
            raise DataError(f"{path}: column {name} is missing: import it again")
        if str(schema.field(index).type) != expected:
            raise DataError(
                f"{path}: column {name} is {schema.field(index).type}, expected {expected}: import it again"
            )
        if schema.field(index).nullable:
            raise DataError(f"{path}: column {name} may be empty, which no event's is: import it again")
