"""What came from what: models by content hash with their approvals, and every trial ever made on a dataset."""

from importlib.util import find_spec

from quotewright.domain.errors import MissingExtraError

if find_spec("sqlalchemy") is None or find_spec("alembic") is None:
    raise MissingExtraError("the registry of models needs: pip install 'quotewright[research]'")
