"""How events lie in Parquet: the columns, their encodings, and the way between Arrow tables and event arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as _pyarrow
import pyarrow.parquet as _parquet

from quotewright.domain.errors import DataError
from quotewright.domain.events import EVENT, EventArray

arrow: Any = _pyarrow  # ships no types
parquet: Any = _parquet

SCHEMA_VERSION = 1
ROW_GROUP = 131_072  # rows that are in memory at once, at least, when streaming

COLUMNS: dict[str, str] = {
    "exch_ts": "int64",
    "local_ts": "int64",
    "seq": "int64",
    "order_id": "int64",
    "price": "int64",
    "qty": "int64",
    "kind": "uint8",
    "side": "int8",
    "flags": "uint16",
}

_FEW_VALUES = ["kind", "side", "flags"]
_WIDE = {
    "exch_ts": "DELTA_BINARY_PACKED",
    "local_ts": "DELTA_BINARY_PACKED",
    "seq": "PLAIN",  # whole updates repeat it, which zstd sees better in plain bytes
    "order_id": "PLAIN",
    "price": "BYTE_STREAM_SPLIT",  # its high bytes hardly change
}
_QTY = ("PLAIN", "BYTE_STREAM_SPLIT")  # which is smaller depends on the market
_LEVEL = 9
_VERSION_KEY = "quotewright_schema"


def arrow_schema() -> Any:
    """The Arrow schema of an events file, version included."""
    fields = [arrow.field(name, getattr(arrow, kind)(), nullable=False) for name, kind in COLUMNS.items()]
    return arrow.schema(fields, metadata={_VERSION_KEY: str(SCHEMA_VERSION)})


def open_writer(sink: Any, qty_encoding: str) -> Any:
    """A ParquetWriter for events: zstd, and for each column the encoding that suits it."""
    return parquet.ParquetWriter(
        sink,
        arrow_schema(),
        compression="zstd",
        compression_level=_LEVEL,
        use_dictionary=_FEW_VALUES,
        column_encoding={**_WIDE, "qty": qty_encoding},
        write_statistics=["exch_ts", "local_ts"],
    )


def best_qty_encoding(table: Any) -> str:
    """The encoding of quantities that makes this table smallest; the first of a file decides for all of it."""
    quantities = table.select(["qty"])
    sizes: list[int] = []
    for encoding in _QTY:
        sink = arrow.BufferOutputStream()
        parquet.write_table(
            quantities,
            sink,
            compression="zstd",
            compression_level=_LEVEL,
            use_dictionary=False,
            column_encoding={"qty": encoding},
        )
        sizes.append(sink.tell())
    return _QTY[sizes.index(min(sizes))]


def to_table(events: EventArray) -> Any:
    """Events as an Arrow table; the instrument index is not stored, the file's place says it."""
    arrays = [arrow.array(np.ascontiguousarray(events[name])) for name in COLUMNS]
    return arrow.Table.from_arrays(arrays, schema=arrow_schema())


def to_events(table: Any) -> EventArray:
    """An Arrow table as an event array, column by column.

    Events are records (all fields of one event side by side), Arrow is columns, so one copy is needed.
    """
    events = np.zeros(table.num_rows, dtype=EVENT)
    for name in COLUMNS:
        events[name] = table.column(name).to_numpy()
    return events


def check_schema(path: str, file: Any) -> None:
    """Raise DataError unless an opened ParquetFile holds exactly our columns in our version."""
    schema = file.schema_arrow
    metadata: dict[bytes, bytes] = schema.metadata or {}
    version = metadata.get(_VERSION_KEY.encode(), b"none").decode("utf-8", "replace")
    if version != str(SCHEMA_VERSION):
        raise DataError(f"{path}: events schema version {version}, expected {SCHEMA_VERSION}: import it again")
    for name, kind in COLUMNS.items():
        index = schema.get_field_index(name)
        if index < 0:
            raise DataError(f"{path}: column {name} is missing: import it again")
        if str(schema.field(index).type) != kind:
            raise DataError(f"{path}: column {name} is {schema.field(index).type}, expected {kind}: import it again")
        if schema.field(index).nullable:
            raise DataError(f"{path}: column {name} may be empty, which no event's is: import it again")
