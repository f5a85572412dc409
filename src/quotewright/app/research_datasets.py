"""`quotewright research datasets`: published files as checked, versioned datasets, and what the checks found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from quotewright.app.output import emit, out, progress_bar
from quotewright.domain.errors import InputError

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def register(app: typer.Typer) -> None:
    """Add the command to `research`."""
    app.command("datasets", epilog="Example: quotewright research datasets --data data --out datasets")(
        datasets_command
    )


def datasets_command(
    to: Annotated[Path, typer.Option("--out", help="Folder that keeps them, by content hash.")],
    names: Annotated[
        list[str] | None, typer.Argument(help="NAME to take in, or NAME@HASH to show; none: all there are.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", envvar="QUOTEWRIGHT_DATA", help="Folder of published data files.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take published files in as datasets, check them, and list what is kept; without --data, list alone."""
    from rich.table import Table

    from quotewright.datasets.catalogue import Catalogue
    from quotewright.datasets.checks import summary
    from quotewright.datasets.described import published, read_dataset

    catalogue = Catalogue(to)
    if data is not None:
        known = published()
        for name in names or []:
            if name not in known:
                raise InputError("name", name, f"is not a published file; there are {', '.join(known)}")
        chosen = [one for name, one in known.items() if name in names] if names else list(known.values())
        there = [one for one in chosen if (data / one.path).is_file()]
        missing = sorted({one.path for one in chosen} - {one.path for one in there})
        if not there:
            raise InputError("data", str(data), f"holds none of {', '.join(missing)}")
        with progress_bar("reading and checking", "files", as_json) as progress:
            for done, one in enumerate(there):
                progress(done, len(there))
                catalogue.save(read_dataset(data, one))
            progress(len(there), len(there))
        shown = [manifest for manifest in catalogue.manifests() if manifest.name in {one.name for one in there}]
    else:
        shown = [catalogue.manifest(name) for name in names] if names else catalogue.manifests()
    if as_json:
        emit([_document(manifest) for manifest in shown])
        return
    table = Table(box=None, pad_edge=False)
    for header in ("dataset", "kind", "rows", "from", "to", "licence", "found"):
        table.add_column(header, justify="right" if header == "rows" else "left", overflow="fold")
    for manifest in shown:
        checks = sorted({one.check for one in summary(manifest.findings or ())})
        first, last = _dates(manifest)
        table.add_row(
            manifest.reference, manifest.kind, f"{manifest.rows:,}", first, last, manifest.licence, ", ".join(checks)
        )
    out.print(table if shown else "nothing is kept here; give --data DIR")
    if names and len(shown) == len(names) <= 3:
        for manifest in shown:
            out.print(f"\n[bold]{manifest.reference}[/]")
            for one in summary(manifest.findings or ()):
                out.print(f"  {one.check} {one.column}: {one.rows:,} rows, {one.example}", markup=False)


def _dates(manifest: Any) -> tuple[str, str]:
    from datetime import UTC, datetime

    first, last = (
        datetime.fromtimestamp(at // 10**9, UTC).date().isoformat() for at in (manifest.first, manifest.last)
    )
    return first, last


def _document(manifest: Any) -> dict[str, Any]:
    import msgspec

    from quotewright.datasets.checks import summary

    first, last = _dates(manifest)
    return {
        "reference": manifest.reference,
        "hash": manifest.hash,
        "kind": manifest.kind,
        "rows": manifest.rows,
        "from": first,
        "to": last,
        "licence": manifest.licence,
        "publisher": manifest.publisher,
        "notes": list(manifest.notes),
        "instrument": manifest.instrument,
        "steps": msgspec.to_builtins(manifest.steps),
        "findings": [one._asdict() for one in summary(manifest.findings or ())],
    }
