"""Rows of JSON lines, JSON arrays, CSV and Parquet, one at a time, each with the place it came from.

What is taken as it is: a byte order mark, CRLF line ends, empty lines, a last line without its line end, NaN. What is
refused, with file and line: bytes that are not of the encoding, a line that is no JSON object, a last line that is cut off, a
line longer than `sources.LINE`, a CSV row with more or fewer fields than its header.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from evalh.core.wire import clean
from evalh.errors import BadImport, MissingExtra
from evalh.importers.sources import LINE, Source

Row = dict[str, Any]
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_BOM: Final = b"\xef\xbb\xbf"


def rows(source: Source, encoding: str = "utf-8") -> Iterator[tuple[str, Row]]:
    """(place, row) of every row of a file.

    Args:
        encoding: of the text; UTF-8 unless the user says otherwise.

    Raises:
        BadImport: names file and line.
        MissingExtra: a Parquet file, and pyarrow is not installed.
    """
    if source.suffix == ".parquet":
        yield from _parquet(source)
    elif source.suffix in (".csv", ".tsv"):
        yield from _csv(source, encoding)
    elif source.suffix not in (".jsonl", ".ndjson") and _first(source) == b"[":
        yield from _array(source, encoding)
    else:
        for number, line in lines(source):
            if line.strip():
                yield f"{source.where}:{number}", _object(source, number, line, encoding)


def lines(source: Source) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line with its end) of every line; raises BadImport for one longer than LINE."""
    number, parts, held = 1, [], 0
    started = False
    for piece in source.pieces():
        if not started:
            piece = piece.removeprefix(_BOM)
            started = True
        at = 0
        while (end := piece.find(b"\n", at)) >= 0:
            parts.append(piece[at : end + 1])
            yield number, b"".join(parts) if len(parts) > 1 else parts[0]
            number, parts, held, at = number + 1, [], 0, end + 1
        if at < len(piece):
            parts.append(piece[at:])
            held += len(piece) - at
            if held > LINE:
                raise BadImport(f"{source.where}:{number}: the line is longer than {LINE >> 20} MB; no record can be that long")
    if parts:
        yield number, b"".join(parts)


def _first(source: Source) -> bytes:
    """The first byte that is no white space."""
    for piece in source.pieces():
        if text := piece.removeprefix(_BOM).lstrip():
            return text[:1]
    return b""


def decoded(source: Source, number: int, line: bytes, encoding: str) -> str:
    """The text of a line. Raises BadImport where its bytes are not of the encoding."""
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        raise _not_of(source, number, encoding) from None


def _not_of(source: Source, number: int, encoding: str) -> BadImport:
    hint = "; if the file is Latin-1, say --encoding latin-1" if encoding == "utf-8" else ""
    return BadImport(f"{source.where}:{number}: holds bytes that are not {encoding.upper()}{hint}")


def whole_object(source: Source) -> Row:
    """The one JSON object that a file holds, which may not be longer than a line.

    Raises:
        BadImport: it holds something else, or is longer.
    """
    parts, held = [], 0
    for piece in source.pieces():
        parts.append(piece)
        held += len(piece)
        if held > LINE:
            raise BadImport(f"{source.where}: longer than {LINE >> 20} MB; no record can be that long")
    return _object(source, 1, b"".join(parts).removeprefix(_BOM) + b"\n", "utf-8")


def _object(source: Source, number: int, line: bytes, encoding: str) -> Row:
    """The JSON object on a line."""
    row: Any = None
    try:
        row = orjson.loads(line if encoding == "utf-8" else decoded(source, number, line, encoding))
    except orjson.JSONDecodeError:  # NaN, half of a surrogate pair, or no JSON at all: the standard library knows which
        text = decoded(source, number, line, encoding)
        try:
            row = plain(json.loads(text))
        except (ValueError, RecursionError):
            if not line.endswith(b"\n"):
                hint = "the file ends within this line, so it may be cut off: fetch it again, or remove the line"
                raise BadImport(f"{source.where}:{number}: not a JSON object; {hint}") from None
            raise BadImport(f"{source.where}:{number}: not a JSON object") from None
    if not isinstance(row, dict):
        raise BadImport(f"{source.where}:{number}: not a JSON object")
    return row


def plain(value: Any) -> Any:
    """A JSON value that a record can hold: no lone surrogates, no whole numbers beyond 64 bits, null for NaN and infinity."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {clean(k): plain(v) for k, v in value.items()}
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return str(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def _array(source: Source, encoding: str) -> Iterator[tuple[str, Row]]:
    """The objects of one JSON array, without holding the array."""
    decoder = json.JSONDecoder()
    texts = _texts(source, encoding)
    text, number, ended = "", 1, False
    while not text.strip():
        text += next(texts)
    at = text.index("[") + 1
    number += text.count("\n", 0, at)
    while True:
        found = _SPACE.match(text, at).end()  # type: ignore[union-attr]
        number += text.count("\n", at, found)
        at = found
        more: str | None
        if at < len(text) and text[at] == "]":
            return
        if at < len(text):
            try:
                row, end = decoder.raw_decode(text, at)
            except (ValueError, RecursionError) as error:
                if ended or len(text) - at > LINE:
                    _refuse(source, number, len(text) - at > LINE, ended, error)
            else:
                after = _SPACE.match(text, end).end()  # type: ignore[union-attr]
                if after < len(text) and text[after] in ",]":
                    if not isinstance(row, dict):
                        raise BadImport(f"{source.where}:{number}: not a JSON object")
                    yield f"{source.where}:{number}", plain(row)
                    number += text.count("\n", at, after)
                    at = after + (text[after] == ",")
                    continue
                if after < len(text):
                    line = number + text.count("\n", at, after)
                    raise BadImport(f"{source.where}:{line}: not a JSON array: ',' or ']' is missing")
        if ended:
            raise BadImport(f"{source.where}:{number}: the array is cut off; fetch the file again")
        # twice as much as is held, so that a long item is not looked at again for every piece
        wanted, got = max(len(text) - at, 1), []
        while wanted > 0 and (more := next(texts, None)) is not None:
            got.append(more)
            wanted -= len(more)
        ended = not got
        text, at = text[at:] + "".join(got), 0


def _refuse(source: Source, number: int, long: bool, ended: bool, error: Exception) -> None:
    if long:
        raise BadImport(f"{source.where}:{number}: the item is longer than {LINE >> 20} MB, or not JSON")
    at_end = isinstance(error, json.JSONDecodeError) and error.pos >= len(error.doc) - 1
    if ended and (at_end or "Unterminated" in str(error)):
        raise BadImport(f"{source.where}:{number}: the array is cut off; fetch the file again")
    raise BadImport(f"{source.where}:{number}: not a JSON object")


def _texts(source: Source, encoding: str) -> Iterator[str]:
    """The text of a file in pieces, wherever its lines end: an array may be written on a single one."""
    decoder = codecs.getincrementaldecoder(encoding)()
    number, first = 1, True
    try:
        for piece in source.pieces():
            text = decoder.decode(piece.removeprefix(_BOM) if first else piece)
            first = False
            number += text.count("\n")
            yield text
        decoder.decode(b"", True)
    except UnicodeDecodeError as error:
        number += error.object.count(b"\n", 0, error.start)
        raise _not_of(source, number, encoding) from None


def _csv(source: Source, encoding: str) -> Iterator[tuple[str, Row]]:
    """The rows of a CSV file with a header line, all values text."""
    csv.field_size_limit(LINE)
    texts = (decoded(source, n, line, encoding) for n, line in lines(source))
    reader = csv.reader(texts, delimiter="\t" if source.suffix == ".tsv" else ",", strict=True)
    header: list[str] = []
    try:
        for fields in reader:
            where = f"{source.where}:{reader.line_num}"
            if not fields:
                continue
            if not header:
                header = [name.strip() for name in fields]
                if len(set(header)) < len(header):
                    raise BadImport(f"{where}: two columns have the same name")
                continue
            if len(fields) != len(header):
                raise BadImport(f"{where}: {len(fields)} fields, where the header has {len(header)}")
            yield where, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise BadImport(f"{source.where}:{reader.line_num}: not CSV ({error})") from None


def _parquet(source: Source) -> Iterator[tuple[str, Row]]:
    """The rows of a Parquet file, a batch at a time."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra(f"{source.where}: Parquet needs pyarrow; install it with: pip install 'evalh[parquet]'") from None
    if source.member is not None or source.name.endswith(".gz"):
        raise BadImport(f"{source.where}: a Parquet file is read from the disk only; unpack it first")
    number = 0
    try:
        with parquet.ParquetFile(source.path) as file:
            for batch in file.iter_batches(batch_size=1000):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{source.where}, row {number}", plain(row)
    except (OSError, pyarrow.ArrowException) as error:
        raise BadImport(f"{source.where}: not a Parquet file that can be read ({error})") from None
