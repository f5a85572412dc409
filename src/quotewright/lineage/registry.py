"""The registry: models, trials, studies and results in one database, and artefacts in a folder beside it.

with Registry(Path("registry")) as registry:
    model = registry.models.register("ridge", artefact, dataset=…, features=…, code=…, seed=1, params=…, metrics=…)
    registry.trials.record(dataset, "by hand", [Trial(params, metrics, sharpe, stderr)])
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from quotewright.lineage.artefacts import Artefacts
from quotewright.lineage.database import Database, sqlite_url
from quotewright.lineage.models import Models
from quotewright.lineage.studies import Studies
from quotewright.lineage.trials import Trials

DATABASE_FILE = "registry.sqlite"


class Registry:
    """One registry, in `folder`; with a `url` its tables are in that database instead of a file in the folder.

    It is made where there is none, and brought to this version's tables. Processes may share it. Raises InputError for
    a folder or database that cannot be used or that a newer version has written to.
    """

    def __init__(self, folder: Path, url: str = "") -> None:
        artefacts = Artefacts(folder / "artefacts")
        self.folder = folder
        self._database = Database(url or sqlite_url(folder / DATABASE_FILE))
        self.models = Models(self._database, artefacts)
        self.trials = Trials(self._database)
        self.studies = Studies(self._database, folder)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
