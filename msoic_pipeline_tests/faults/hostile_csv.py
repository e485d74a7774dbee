"""CSV and CSV.GZ that expand, never end, or hold what is no text."""

from __future__ import annotations

import gzip
import io
import random
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Event, Thread

from msoic_pipeline_tests.faults.registry import Expected, Group, Place, donor_bytes, register

# One line a hostile file, however long.
# fmt: off

MIB = 2**20
HEADER = b"Financial Year,Financial Quarter,Force Name,Offence Description,Offence Group,Offence Subgroup,Offence Code,Number of Offences\n"
ROW = b"2017/18,1,Avon and Somerset,Absconding from lawful custody,Miscellaneous crimes,Miscellaneous crimes,80,%s\n"


@cache
def _donor() -> bytes:
    """The first quarter of the good file: as good, and quicker to read."""
    lines = gzip.decompress(donor_bytes("recorded_crime")).splitlines(keepends=True)
    return lines[0] + b"".join(line for line in lines[1:] if line.split(b",")[1] == b"1" and b"Avon and" in line)


def _gz(content: bytes, **_: object) -> bytes:
    return gzip.compress(content, 9, mtime=0)


def _csv(name: str, description: str, make: Callable[[Place], bytes], expected: Expected = "either", group: Group = "csv", suffix: str = ".csv") -> None:
    register(name, "recorded_crime", group, description, lambda place: place.write(suffix, make(place)), expected)


def _own(place: Place) -> bytes:
    """A good row that no other file has, so that no file is another's twin."""
    return ROW % str(sum(place.name.encode())).encode()


def _plus(more: bytes) -> Callable[[Place], bytes]:
    return lambda place: _donor() + more


def _figure(figure: bytes) -> Callable[[Place], bytes]:
    return lambda place: HEADER + ROW % figure


def _label(text: bytes) -> Callable[[Place], bytes]:
    return lambda place: HEADER + _own(place).replace(b"Avon and Somerset", text)


# ---- seen ------------------------------------------------------------------------------------------------------------


def _just_under(place: Place) -> bytes:
    """A ratio of about 390: commas pack 1,000 to 1, noise 2 to 1, and the two are mixed to the measure."""
    chance = random.Random(place.name)
    empty = b",,,,,,,\n" * (400 * MIB // 8)
    noise = b"".join(chance.randbytes(40).hex().encode() + b"\n" for _ in range(10_000))
    return _gz(HEADER + noise + empty)


def _bad_rows(number: int) -> Callable[[Place], bytes]:
    def make(place: Place) -> bytes:
        rows = io.BytesIO()
        rows.write(HEADER)
        for n in range(number):
            rows.write(b"2017/18,1,Nowhere %d,Absconding,Miscellaneous crimes,Miscellaneous crimes,80,1\n" % n)
        return rows.getvalue()

    return make


_csv("csvgz-just-under-ratio", "a .csv.gz that expands nearly 400 times, to 400 MB", _just_under, "refused", "heavy", ".csv.gz")
_csv("csv-99mb-ab", "99 MB of `ab,`", lambda place: b"ab," * (33 * MIB), "refused", "heavy")
_csv("csv-400000-bad-rows", "400,000 rows of forces that nobody knows", _bad_rows(400_000), "rejected", "heavy")
_csv("csv-nearly-recognised", "1 MB that nearly matches a pattern of `recognise`", lambda place: b"financial quarter force name offence description " * (MIB // 50) + place.name.encode(), "refused")
_csv("csv-nul-in-label", "NUL in a label", _label(b"Avon\x00and Somerset"))

# ---- how it is written -----------------------------------------------------------------------------------------------

_csv("csv-nul-bytes", "a megabyte of NUL", lambda place: HEADER + b"\x00" * MIB + b"\n")
_csv("csv-unclosed", "a quote that is never closed", _plus(b'2017/18,1,"Avon' + b" and Somerset" * 10_000))
_csv("csv-unclosed-long", "a quote that is never closed, and 100 MB behind it", lambda place: HEADER + b'"' + b"x,y\n" * (25 * MIB), "refused", "heavy")
_csv("csv-quotes-alone", "10 MB of quotes", lambda place: HEADER + b'"' * (10 * MIB + 1))
_csv("csv-long-field", "a field of 200,000 characters", _label(b"x" * 200_000))
_csv("csv-10-million-lines", "10 million empty lines", lambda place: _donor() + b"\n" * 10_000_000, "either", "heavy")
_csv("csv-million-columns", "a row of a million columns", lambda place: HEADER + b"1," * MIB + b"\n", "either", "heavy")
_csv("csv-wide-and-deep", "a row of 16,384 columns, and 200,000 rows of one", lambda place: HEADER + b"1," * 16_383 + b"\n" + b"1\n" * 200_000, "either", "heavy")
_csv("csv-bom", "a mark of byte order, as Excel writes it", lambda place: b"\xef\xbb\xbf" + HEADER + _own(place), "either")
_csv("csv-two-boms", "two marks of byte order", lambda place: b"\xef\xbb\xbf" * 2 + HEADER + _own(place))
_csv("csv-bom-within", "a mark of byte order at every line", lambda place: (HEADER + _own(place)).replace(b"\n", b"\n\xef\xbb\xbf"))
_csv("csv-utf-16", "UTF-16 with its mark, as Excel's Unicode text", lambda place: (HEADER + _own(place)).decode().encode("utf-16"))
_csv("csv-utf-16-bare", "UTF-16 without its mark", lambda place: (HEADER + _own(place)).decode().encode("utf-16-le"))
_csv("csv-mixed", "UTF-8 and Windows' code page in one file", _label(b"Avon \xe2\x80\x93 \x96 \x81\x8d Somerset"))
_csv("csv-cr-only", "lines that end in CR alone", lambda place: (HEADER + _own(place)).replace(b"\n", b"\r"))
_csv("csv-crlf-mixed", "lines that end in CR CR LF", lambda place: (HEADER + _own(place)).replace(b"\n", b"\r\r\n"))
_csv("csv-line-separators", "lines that end in U+2028", lambda place: (HEADER + _own(place)).replace(b"\n", "\u2028".encode()))
_csv("csv-semicolons", "semicolons for commas", lambda place: (HEADER + _own(place)).replace(b",", b";"))
_csv("csv-tabs", "tabs for commas", lambda place: (HEADER + _own(place)).replace(b",", b"\t"))
_csv("csv-header-only", "a header and no row", lambda place: HEADER + b"\n" * len(place.name), "either")
_csv("csv-header-twice", "the header again, below", lambda place: HEADER + _own(place) + HEADER + _own(place))
_csv("csv-ragged", "rows of ever more cells", lambda place: HEADER + b"".join(b"1," * n + b"\n" for n in range(1_000)))
_csv("csv-is-binary", "a .csv of noise", lambda place: random.Random(place.name).randbytes(MIB), "refused")
_csv("csv-is-xlsx", "a .csv that is an XLSX", lambda place: donor_bytes("cps") + place.name.encode(), "refused")
_csv("csv-no-bytes", "a .csv of no bytes", lambda place: b"", "refused")
_csv("csv-a-newline", "a .csv of one newline", lambda place: b"\n", "refused")

# ---- what it says ----------------------------------------------------------------------------------------------------

_csv("csv-control-label", "a label with escape sequences", _label(b"Avon\x1b[2J\x1b]0;owned\x07\x08 Somerset"), "rejected")
_csv("csv-bidi-label", "a label with marks that turn the direction", _label("\u202etesremoS dna novA\u2069".encode()), "rejected")
_csv("csv-c1-label", "a label with C1 controls", _label("Avon\u009b2J Somerset".encode()), "rejected")
_csv("csv-newline-label", "a label that breaks the line, and says that all is well", _label(b'"Avon\nNothing blocks: all figures are loaded.\n"'), "rejected")
_csv("csv-formula-label", "a label that a spreadsheet would run", _label(b"=HYPERLINK(0)"), "rejected")
_csv("csv-markup-label", "a label that is a script in HTML", _label(b"<script>alert(1)</script>"), "rejected")
_csv("csv-cell-of-spaces", "a label of 120,000 spaces", _label(b"a" + b" " * 120_000 + b"b"), "rejected")
_csv("csv-cell-of-notes", "`(note ` 20,000 times in a label", _label(b"(note " * 20_000), "rejected")
for _name, _figures in (
    ("nan", b"nan"),
    ("infinite", b"Infinity"),
    ("1e999", b"1e999"),
    ("hex", b"0x1F"),
    ("underscores", b"1_000_000"),
    ("arabic", "\u0661\u0662".encode()),
    ("superscript", "5\u00b2".encode()),
    ("digits", b"9" * 120_000),
    ("2-to-63", str(2**63).encode()),
    ("2-to-31", str(2**31).encode()),
    ("exponent", b"1e100000000"),
    ("minus", b"-5"),
    ("dash", "\u2212".encode() + b"5"),
    ("commas", b'"1,2,3,4"'),
    ("spaces", b"1 2 3"),
    ("fraction", b"5.5"),
    ("true", b"TRUE"),
):
    # 5² is not 52: the one of these that has been read as another number.
    _csv(f"csv-figure-{_name}", f"a figure of {_figures.decode()[:30]!r}", _figure(_figures), "rejected" if _name == "superscript" else "either")

# ---- gzip ------------------------------------------------------------------------------------------------------------


def _packed(name: str, description: str, make: Callable[[Place], bytes], expected: Expected = "either", group: Group = "csv") -> None:
    _csv(name, description, make, expected, group, ".csv.gz")


def _good(place: Place) -> bytes:
    return _gz(HEADER + _own(place))


def _named(place: Place) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="../../../../tmp/climbed", mode="wb", fileobj=buffer, mtime=0) as stream:
        stream.write(HEADER + _own(place))
    return buffer.getvalue()


def _bomb(place: Place) -> bytes:
    """1 GB of noughts in 1 MB, and again within a .gz: what is checked is the first of the two."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(bytes(MIB)) for _ in range(1_024)), packer.flush()])


_packed("csvgz-bomb", "1 GB of noughts", _bomb, "refused")
_packed("csvgz-trailing", "1 MB of something behind the end", lambda place: _good(place) + b"x" * MIB)
_packed("csvgz-trailing-noughts", "noughts behind the end, as tapes have", lambda place: _good(place) + bytes(4_096))
_packed("csvgz-members", "a file in two members, which is legitimate", lambda place: _gz(HEADER) + _gz(_own(place)))
_packed("csvgz-200000-members", "200,000 empty members", lambda place: _gz(HEADER) + _gz(b"") * 200_000)
_packed("csvgz-cut", "cut in the middle", lambda place: _good(place)[:-30], "refused")
_packed("csvgz-wrong-sum", "a checksum that is wrong", lambda place: _good(place)[:-8] + b"\0" * 8, "refused")
_packed("csvgz-name-climbs", "a header that names ../../../../tmp/climbed", _named)
_packed("csvgz-is-zip", "a .csv.gz that is an archive", lambda place: donor_bytes("cps") + place.name.encode(), "refused")
_packed("csvgz-is-csv", "a .csv.gz that is not packed", lambda place: HEADER + _own(place) + b"\n", "refused")
_packed("csvgz-in-gz", "a .gz within a .gz", lambda place: _gz(_good(place)), "refused")
_packed("csvgz-of-nothing", "nothing, packed", lambda place: _gz(b""), "refused")
_packed("csvgz-header-of-gz", "the first ten bytes of a .gz", lambda place: _good(place)[:10], "refused")

# ---- a file that is still growing ------------------------------------------------------------------------------------


def _grow_start(place: Place) -> None:
    place.write(".csv", _donor())


@contextmanager
def _growing(place: Place) -> Iterator[None]:
    """Append a row a hundredth of a second, and half a row at the end, while the run goes on."""
    stop = Event()

    def append() -> None:
        with place.path(".csv").open("ab", buffering=0) as stream:
            number = 0
            while not stop.wait(0.01):
                number += 1
                stream.write(ROW.replace(b",80,", b",g%d," % number) % b"1")
            stream.write(b"2017/18,1,Avon and So")

    thread = Thread(target=append, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


register("csv-still-growing", "recorded_crime", "csv", "a file that is still being written while it is read", _grow_start, "either", _growing)


@contextmanager
def _replaced_again(place: Place) -> Iterator[None]:
    """Swap two contents over and over: what was digested and what is parsed must be the same."""
    stop = Event()
    path = place.path(".csv")

    def swap() -> None:
        number = 0
        while not stop.wait(0.002):
            number += 1
            aside = path.with_name(".swapping")
            aside.write_bytes(_donor() + ROW % b"%d" % 0 if number % 2 else HEADER + ROW % b"1")
            aside.replace(path)

    thread = Thread(target=swap, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


register("csv-replaced-over-again", "recorded_crime", "csv", "a file that is replaced by another 500 times a second", _grow_start, "either", _replaced_again)


@contextmanager
def _come_and_gone(place: Place) -> Iterator[None]:
    """Take the file away and put it back, over and over."""
    stop = Event()
    path = place.path(".csv")

    def flicker() -> None:
        aside = path.with_name(".aside")
        while not stop.wait(0.003):
            path.rename(aside)
            stop.wait(0.003)
            aside.rename(path)

    thread = Thread(target=flicker, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


register("csv-comes-and-goes", "recorded_crime", "csv", "a file that is there one moment and not the next", lambda place: place.write(".csv", HEADER + _own(place)), "ignored", _come_and_gone)
