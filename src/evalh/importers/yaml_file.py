"""Reading the YAML of another tool's configuration, with PyYAML, which is an extra: evalh's own files are TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalh.errors import BadImport, MissingExtra


def read_yaml(file: Path) -> dict[str, Any]:
    """The table that a YAML file holds. Only plain values are made of it, never objects.

    Raises:
        MissingExtra: PyYAML is not installed.
        BadImport: the file cannot be read, or holds no table; names file and line.
    """
    try:
        import yaml
    except ImportError:
        raise MissingExtra(f"{file.name} is YAML, and reading YAML needs PyYAML; run: pip install 'evalh[yaml]'") from None
    try:
        data = yaml.safe_load(file.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadImport(f"{file}: cannot be read ({error})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}" if mark else f"{file}"
        raise BadImport(f"{where}: is not YAML: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise BadImport(f"{file}: holds no table of settings")
    return data
