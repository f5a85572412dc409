"""Every file under tick/ is imported or told to be unsupported with a reason; nothing is taken for something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import InputError
from quotewright.importers import FORMATS, UNSUPPORTED, open_importer, sniff

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "importers.md"
BTCUSDT = find_instrument("binance-spot", "BTCUSDT")
NOT_A_RECORDING = {"meta.json"}  # a description that lies beside Bitstamp's files


def test_every_tick_file_is_known_by_code_and_by_the_docs(shared_data: Path) -> None:
    table = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `tick/")]
    listed = {line.split("`")[1]: line for line in table}
    files = [path for path in sorted((shared_data / "tick").rglob("*")) if path.is_file()]
    assert {path.relative_to(shared_data).as_posix() for path in files} == set(listed)
    for path in files:
        row = listed[path.relative_to(shared_data).as_posix()]
        found = sniff(path)
        if path.name in NOT_A_RECORDING:
            assert found is None
        elif found in FORMATS:
            assert f"| `{found}` |" in row
        else:
            assert found in UNSUPPORTED
            assert "| no |" in row
            for format in FORMATS:
                with pytest.raises(InputError, match="not supported yet, because"):
                    open_importer(format, [path], BTCUSDT)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a", b"", None),
        ("a", b"\n\n", None),
        ("a", b"hello", None),
        ("a", b"\x1f\x8bbroken", None),
        ("a", b"\x28\xb5\x2f\xfdbroken", None),
        ("a", b"PK\x03\x04broken", None),
        ("a", b"PAR1....", "a Parquet file"),
        ("a", b"\n1723161253937085768 {\"stream\":", "binance-ws"),
        ("a", b"1,2,3,4,1735689600010,True\n", "binance-dump"),
        ("a", b"id,price,qty,quote_qty,time,is_buyer_maker\n", "binance-dump"),
        ("a", b"\xef\xbb\xbfDate,Open,High,Low,Close\n", "ohlcv"),
        ("a", b"exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n", "tardis"),
    ],
)  # fmt: skip
def test_sniffing(tmp_path: Path, name: str, content: bytes, found: str | None) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert sniff(path) == found


def test_wrong_use_is_told_at_once(tmp_path: Path) -> None:
    ohlcv = tmp_path / "bars.csv"
    ohlcv.write_text("ts,open,high,low,close\n")
    with pytest.raises(InputError, match="must be one of binance-ws"):
        open_importer("csv", [ohlcv], BTCUSDT)
    with pytest.raises(InputError, match="at least one file"):
        open_importer("ohlcv", [], BTCUSDT)
    with pytest.raises(InputError, match="does not exist"):
        open_importer("ohlcv", [tmp_path / "none"], BTCUSDT)
    with pytest.raises(InputError, match=r"does not fit bars.csv, which looks like ohlcv"):
        open_importer("tardis", [ohlcv], BTCUSDT)
    with pytest.raises(InputError, match="is a folder"):
        open_importer("ohlcv", [tmp_path], BTCUSDT)
    open_importer("ohlcv", [ohlcv], BTCUSDT)
