"""Compiled models on disk: arrays in an .npz without pickles, a JSON manifest, both named by their content's hash.

The hash covers the arrays' bytes and everything the manifest says, so a file that was changed is refused. So is a model
asked for with another feature catalogue than it was trained on: its columns would mean something else.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.kernel import as_records
from quotewright.inference.compiled import CompiledModel, checked
from quotewright.signals.forest import NODE
from quotewright.signals.model_links import HEAD

FORM = 1  # of the files; raised when the layout changes


def save(model: CompiledModel, folder: Path, feature_hash: str, about: Mapping[str, Any] | None = None) -> str:
    """Write the model into a folder and return its content hash; the same content is the same file.

    `feature_hash` says what the columns mean; `about` is kept with it (dataset, code, seed, metrics: plain JSON).
    """
    if not feature_hash:
        raise InputError("feature_hash", feature_hash, "give the hash of the feature catalogue")
    manifest = {
        "form": FORM,
        "name": model.name,
        "kind": model.kind,
        "features": list(model.features),
        "feature_hash": feature_hash,
        "trees": model.trees,
        "about": dict(about or {}),
    }
    arrays = {"head": np.asarray(model.head), "nodes": np.asarray(model.nodes), "table": model.table}
    digest = _digest(manifest, arrays)
    folder.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    np.savez_compressed(packed, **{name: _bytes(array) for name, array in arrays.items()})
    _write(folder / f"{digest}.npz", packed.getvalue())
    text = json.dumps({**manifest, "hash": digest}, indent=1, sort_keys=True, ensure_ascii=False)
    _write(folder / f"{digest}.json", f"{text}\n".encode())
    return digest


def load(folder: Path, digest: str, feature_hash: str) -> CompiledModel:
    """The model of that content hash.

    Raises InputError if there is none or it was trained on other features, DataError if its files are damaged.
    """
    manifest = read_manifest(folder, digest)
    if manifest["feature_hash"] != feature_hash:
        raise InputError(
            "feature_hash",
            feature_hash,
            f"model {digest[:12]} was trained on features {manifest['feature_hash']}: train it again on these",
        )
    try:
        with np.load(folder / f"{digest}.npz", allow_pickle=False) as file:
            kept = {name: file[name] for name in ("head", "nodes", "table")}
        arrays = {
            "head": kept["head"].view(HEAD),
            "nodes": kept["nodes"].view(NODE),
            "table": kept["table"].view(np.float64),
        }
    except Exception as reason:  # whatever zip, numpy or the file system say of a damaged file
        raise DataError(f"model {digest}: its arrays cannot be read ({reason}): save it again") from None
    if _digest({key: value for key, value in manifest.items() if key != "hash"}, arrays) != digest:
        raise DataError(f"model {digest}: its content has changed since it was saved: restore or save it again")
    head, nodes = as_records(arrays["head"]), as_records(arrays["nodes"])
    features = tuple(manifest["features"])
    return checked(
        CompiledModel(manifest["name"], manifest["kind"], features, head, nodes, arrays["table"], manifest["trees"])
    )


def read_manifest(folder: Path, digest: str) -> dict[str, Any]:
    """What is said of a model: name, kind, features, feature_hash, about. Raises as `load` does."""
    file = folder / f"{digest}.json"
    if not file.is_file():
        raise InputError("hash", digest, f"{folder} holds no such model")
    try:
        manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        form = manifest["form"]
    except (ValueError, KeyError, TypeError):
        raise DataError(f"model {digest}: its manifest cannot be read: restore it or save it again") from None
    if form != FORM:
        raise DataError(f"model {digest}: form {form} is not the form {FORM} that is read here: save it again")
    return manifest


def _digest(manifest: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True, ensure_ascii=False).encode())
    for name, array in arrays.items():
        digest.update(f"{name} {array.size}\0".encode() + _bytes(array).tobytes())
    return digest.hexdigest()


def _bytes(array: Any) -> Any:
    """As bytes: the layouts are fixed, and little-endian on every platform numba compiles for."""
    return np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    part = path.with_suffix(f"{path.suffix}.part")
    part.write_bytes(content)
    part.replace(path)
