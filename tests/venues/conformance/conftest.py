"""Makes the suite's parts importable by its test."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
