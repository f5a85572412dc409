"""Recordings in foreign formats to events: exact, streaming, and with an account of every record."""

from quotewright.importers.formats import FORMATS, UNSUPPORTED, open_importer, sniff
from quotewright.importers.report import Importer, Progress, Refused, SourceFile

__all__ = ["FORMATS", "UNSUPPORTED", "Importer", "Progress", "Refused", "SourceFile", "open_importer", "sniff"]
