"""Sidecars that say what cannot be, or are no files; names that no terminal should see; what is not a file at all."""

from __future__ import annotations

import os
import random
import socket
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from msoic_pipeline_tests.faults.registry import SIDECARS, Expected, Place, pack, parts_of, register

# One line a hostile file, however long.
# fmt: off

MIB = 2**20
PERIOD = "reference_period: 2022-Q1\n"


def _good(place: Place) -> bytes:
    return pack(parts_of("cps"), place.name)


def _says(name: str, description: str, said: str | bytes, expected: Expected = "refused") -> None:
    """The CPS's good file beside a sidecar."""
    content = said if isinstance(said, bytes) else said.encode("utf-8", "surrogatepass")
    register(name, "cps", "sidecar", description, lambda place: place.write(".xlsx", _good(place), content), expected)


def _with(name: str, description: str, line: str, expected: Expected = "refused") -> None:
    """A good sidecar with another line."""
    _says(name, description, PERIOD + line + "\n", expected)


def _beside(name: str, description: str, make: Callable[[Path], object], expected: Expected = "refused") -> None:
    """The CPS's good file with something made in the place of its sidecar."""

    def lay(place: Place) -> None:
        path = place.write(".xlsx", _good(place), "")
        make(path.with_name(path.name + ".yaml"))

    register(name, "cps", "sidecar", description, lay, expected)


# ---- what it says ----------------------------------------------------------------------------------------------------

_with("said-31-february", "published on 31 February", "published_on: 2024-02-31")
_with("said-25-oclock", "published at 25:61:61", "published_on: 2024-02-01 25:61:61")
_with("said-moment", "published on a moment with a time zone", "published_on: 2022-07-21 23:59:59 +14:00", "either")
_with("said-year-9999", "published in the year 9999", "published_on: 9999-12-31")
_with("said-year-1", "published in the year 1", "published_on: 0001-01-01")
_with("said-year-0", "published in the year 0", "published_on: 0000-01-01")
_with("said-day-as-number", "published on 44763, a day as Excel counts", "published_on: 44763", "either")
_with("said-day-infinite", "published on .inf", "published_on: .inf")
_with("said-day-nan", "published on .nan", "published_on: .nan")
_with("said-day-list", "published on a list of days", "published_on: [2022-07-21, 2022-07-22]")
_with("said-day-map", "published on a mapping", "published_on: {2022: 7}")
_with("said-day-null", "published on nothing", "published_on:")
_with("said-not-int", "`!!int x`: the library's own error", "edition: !!int x")
_with("said-not-float", "`!!float x`", "edition: !!float x")
_with("said-not-timestamp", "`!!timestamp x`", "published_on: !!timestamp x")
_with("said-not-binary", "`!!binary` that is none", "note: !!binary '\u00e9'")
_with("said-binary", "a note of bytes", "note: !!binary AAEC/w==", "either")
_with("said-set", "`!!set`", "note: !!set {a, b}", "either")
_with("said-pairs", "`!!omap` of what is no pair", "note: !!omap [a]")
_with("said-merge-of-text", "`<<` of a text", "<<: text")
_with("said-python", "a tag that would run a command", "note: !!python/object/apply:os.system ['touch /tmp/climbed']")
_with("said-python-name", "a tag that names a module", "note: !!python/module:antigravity")
_with("said-unknown-tag", "a tag that nobody knows", "note: !secret x")
_with("said-edition-nought", "edition 0", "edition: 0")
_with("said-edition-minus", "edition -1", "edition: -1")
_with("said-edition-fraction", "edition 1.5", "edition: 1.5")
_with("said-edition-true", "edition true", "edition: true", "either")
_with("said-edition-infinite", "edition .inf", "edition: .inf")
_with("said-edition-nan", "edition .nan", "edition: .nan")
_with("said-edition-2-to-31", "edition 2^31", f"edition: {2**31}")
_with("said-edition-2-to-63", "edition 2^63, more than a column may hold", f"edition: {2**63}")
_with("said-edition-digits", "an edition of 100,000 digits", f"edition: {'9' * 100_000}")
_with("said-edition-text-digits", "an edition of 100,000 digits in quotes", f"edition: '{'9' * 100_000}'")
_with("said-edition-octal", "edition 0o17 and 010", "edition: 010", "either")
_with("said-edition-sexagesimal", "edition 190:20:30", "edition: 190:20:30", "either")
_with("said-edition-list", "edition [1]", "edition: [1]")
_with("said-edition-map", "edition {1: 2}", "edition: {1: 2}")
_says("said-period-list", "a reference period that is a list", "reference_period: [2022-Q1]\n")
_says("said-period-map", "a reference period that is a mapping", "reference_period: {2022: Q1}\n")
_says("said-period-9999", "a reference period of the year 9999", "reference_period: 9999-Q4\n")
_says("said-period-0000", "a reference period of the year 0", "reference_period: 0000-Q1\n")
_says("said-period-number", "a reference period that is the number 2022.1", "reference_period: 2022.1\n")
_says("said-period-date", "a reference period that is a date", "reference_period: 2022-01-01\n", "either")
_says("said-period-escapes", "a reference period with escape sequences", 'reference_period: "2022-Q1\\e[2J"\n')
_with("said-synthetic-perhaps", "is_synthetic: perhaps", "is_synthetic: perhaps")
_with("said-synthetic-list", "is_synthetic: []", "is_synthetic: []")
_with("said-nul-in-note", "NUL in a note", 'note: "a\\0b"', "either")
_with("said-escapes-in-note", "escape sequences in a note", 'note: "a\\e[2J\\e]0;owned\\a\\x9b2Jb"', "either")
_with("said-bidi-in-title", "marks that turn the direction, in a title", 'title: "\\u202Eyrammus atad SPC\\u2069"', "either")
_with("said-surrogate-in-note", "a lone surrogate in a note", 'note: "a\\uD800b"', "either")
_with("said-lines-in-title", "a title that breaks the line", 'title: "CPS\\nNothing blocks: all figures are loaded.\\n"', "either")
_with("said-note-of-a-megabyte", "a note of 1 MB", f"note: {'x' * MIB}", "either")
_with("said-note-of-spaces", "a note of 200,000 spaces", f'note: "a{" " * 200_000}b"', "either")
_with("said-note-of-notes", "`(note ` 170,000 times in a note", f'note: "{"(note " * 170_000}"', "either")
_with("said-note-is-list", "a note that is a list of 100,000", f"note: [{'x, ' * 100_000}]", "either")
_with("said-note-is-map", "a note that is a mapping", "note: {a: {b: c}}", "either")
_with("said-url-script", "an address that is a script", "url: 'javascript:alert(1)'", "either")
_with("said-unknown-field", "a field that nobody knows", "colour: red")
_with("said-unknown-field-long", "the name of a field of 1 MB", f"? {'x' * MIB}\n: 1")
_with("said-field-escapes", "the name of a field with escape sequences", '"a\\e[2J\\u202E": 1')
_with("said-field-number", "a field called 1", "1: 1")
_with("said-field-null", "a field called nothing", "~: 1")
_with("said-field-list", "a field called by a list", "? [a, b]\n: 1")
_with("said-field-map", "a field called by a mapping", "? {a: b}\n: 1")
_with("said-twice", "a field that is said twice, differently", "edition: 1\nedition: 2", "either")
_with("said-period-twice", "the reference period twice", "reference_period: 2021-Q4", "either")

# ---- how it is written -----------------------------------------------------------------------------------------------

_says("yaml-nested-lists", "10,000 lists, each within the one before", PERIOD + "note: " + "[" * 10_000)
_says("yaml-nested-closed", "10,000 lists, each within the one before, and closed", PERIOD + "note: " + "[" * 10_000 + "]" * 10_000)
_says("yaml-nested-maps", "10,000 mappings, each within the one before", PERIOD + "note: " + "{a: " * 10_000)
_says("yaml-nested-dashes", "5,000 dashes in a line", PERIOD + "note:\n" + "- " * 5_000 + "x")
_says("yaml-alias-bomb", "an alias bomb of 400 bytes", "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)))
_says("yaml-alias-in-note", "an alias bomb in the note, where it is turned into text", PERIOD + "note:\n- &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"- &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)))
_says("yaml-merge-bomb", "a bomb of `<<`", "a0: &a0 {x: 1, y: 2}\n" + "".join(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 9)))
_says("yaml-recursion", "a list that holds itself", PERIOD + "note: &a [*a, *a]\n", "either")
_says("yaml-whole-is-itself", "a mapping that holds itself", "&a\nnote: *a\n" + PERIOD, "either")
_says("yaml-unknown-alias", "an alias of nothing", PERIOD + "note: *nobody\n")
_says("yaml-two-documents", "two documents", PERIOD + "---\n" + PERIOD)
_says("yaml-a-list", "a list", "- reference_period: 2022-Q1\n")
_says("yaml-a-text", "a text", "reference_period 2022-Q1\n")
_says("yaml-a-number", "a number", "5\n")
_says("yaml-nothing", "nothing", "\n")
_says("yaml-comment", "a comment of 10 MB", PERIOD + "#" + "x" * (10 * MIB), "either")
_says("yaml-tabs", "tabs for indentation", "reference_period:\n\t2022-Q1\n")
_says("yaml-bom", "a mark of byte order", b"\xef\xbb\xbf" + PERIOD.encode(), "either")
_says("yaml-utf-16", "UTF-16", PERIOD.encode("utf-16"), "either")
_says("yaml-utf-32", "UTF-32", PERIOD.encode("utf-32"), "either")
_says("yaml-not-utf-8", "bytes that are not UTF-8", PERIOD.encode() + b"note: a\xff\xfe\n")
_says("yaml-nul", "a bare NUL", PERIOD.encode() + b"note: a\x00b\n")
_says("yaml-escape", "a bare escape sequence", PERIOD + "note: a\x1b[2Jb\n")
_says("yaml-of-20mb", "20 MB of fields", PERIOD + "".join(f"field{n}: {n}\n" for n in range(1_000_000)))
_says("yaml-noise", "noise", random.Random("yaml").randbytes(100_000))
_says("yaml-is-xlsx", "a sidecar that is an XLSX", pack({"x": b"x"}, "yaml-is-xlsx"))
_says("yaml-percent", "a directive of a version that is to come", "%YAML 9.9\n---\n" + PERIOD, "either")
_says("yaml-tag-directive", "a directive that renames tags", "%TAG ! tag:yaml.org,2002:python/\n---\n" + PERIOD + "note: !object/apply:os.system [id]\n")

# ---- what it is ------------------------------------------------------------------------------------------------------


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as stream:
        stream.truncate(size)


def _closed_sidecar(path: Path) -> None:
    path.write_text(PERIOD)
    path.chmod(0)


_beside("sidecar-is-folder", "a sidecar that is a folder", Path.mkdir)
_beside("sidecar-is-fifo", "a sidecar that is a FIFO: who opens it waits for ever", os.mkfifo)
_beside("sidecar-is-huge", "a sidecar of 4 GB of noughts, which take no room", lambda path: _sparse(path, 4 * 2**30))
_beside("sidecar-leads-out", "a sidecar that is a link to /etc/passwd", lambda path: path.symlink_to("/etc/passwd"))
_beside("sidecar-leads-nowhere", "a sidecar that is a link to nothing", lambda path: path.symlink_to("nowhere.yaml"))
_beside("sidecar-leads-to-itself", "a sidecar that is a link to itself", lambda path: path.symlink_to(path.name))
_beside("sidecar-is-zero-device", "a sidecar that is /dev/zero: it never ends", lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5)))
_beside("sidecar-unreadable", "a sidecar that may not be read (by root it may)", _closed_sidecar, "either")
_beside("sidecar-of-other-case", "a sidecar called .XLSX.YAML", lambda path: path.with_name(path.name.upper()).write_text(PERIOD), "either")
_beside("sidecar-yml", "a sidecar called .yml", lambda path: path.with_suffix(".yml").write_text(PERIOD))
_beside("sidecar-without-suffix", "a sidecar called <name>.yaml, not <name>.xlsx.yaml", lambda path: path.with_name(path.name.replace(".xlsx", "")).write_text(PERIOD))


def _only_sidecar(place: Place) -> None:
    place.path(".xlsx.yaml").write_text(PERIOD)


def _alone(place: Place) -> None:
    folder = place.path("")
    folder.mkdir()
    (folder / ".yaml").write_text(PERIOD)


register("sidecar-alone", "cps", "sidecar", "a sidecar without its file", _only_sidecar)
register("sidecar-nameless", "cps", "sidecar", "a file called .yaml", _alone, "ignored")

# ---- names -----------------------------------------------------------------------------------------------------------


def _called(name: str, description: str, file_name: Callable[[str], str | bytes], expected: Expected = "either") -> None:
    """The CPS's good file under a name, with its sidecar where that can be."""

    def lay(place: Place) -> None:
        chosen = file_name(place.name)
        path = place.folder / (chosen if isinstance(chosen, str) else os.fsdecode(chosen))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_good(place))
        if len(os.fsencode(path.name)) <= 250:
            path.with_name(path.name + ".yaml").write_text(SIDECARS["cps"])

    register(name, "cps", "name", description, lay, expected)


_called("name-escapes", "escape sequences in a name", lambda name: f"{name}\x1b[2J\x1b]0;owned\x07.xlsx")
_called("name-c1", "C1 controls in a name", lambda name: f"{name}\u009b2J.xlsx")
_called("name-newline", "a newline in a name", lambda name: f"{name}\nNothing blocks: all figures are loaded.\n.xlsx")
_called("name-return", "a carriage return in a name", lambda name: f"{name}\roverwritten.xlsx")
_called("name-line-separator", "U+2028 and U+0085 in a name", lambda name: f"{name}\u2028a\u0085b.xlsx")
_called("name-bidi", "marks that turn the direction, in a name", lambda name: f"{name}\u202excod\u2069.xlsx")
_called("name-bidi-isolates", "isolates and marks in a name", lambda name: f"{name}\u2066\u2067\u2068\u200e\u200f\u061c.xlsx")
_called("name-tags", "invisible tag characters in a name", lambda name: f"{name}\U000e0041\U000e007f\u200b\ufeff.xlsx")
_called("name-not-utf-8", "a name that is not UTF-8", lambda name: name.encode() + b"\xff\xfe\xc0\x80.xlsx")
_called("name-latin-1", "a name in another code page", lambda name: f"{name}-\u00e9\u00a3".encode("latin-1") + b".xlsx")
_called("name-surrogates", "a name with a surrogate in UTF-8", lambda name: name.encode() + b"\xed\xa0\x80.xlsx")
_called("name-of-251-bytes", "a name of 251 bytes: that of its sidecar cannot be", lambda name: name.ljust(246, "x") + ".xlsx")
_called("name-with-sidecar-of-251", "a name of 246 bytes, whose sidecar's is 251", lambda name: name.ljust(241, "x") + ".xlsx")
_called("name-of-255-bytes", "a name of 255 bytes, and none of them in ASCII but the first", lambda name: name + "\u00e9" * ((250 - len(name)) // 2) + ".xlsx")
_called("name-upper-case", "a good file called .XLSX", lambda name: f"{name}.XLSX")
_called("name-mixed-case", "a good file called .xLsX", lambda name: f"{name}.xLsX")
_called("name-leads-with-dash", "a name that begins with a dash", lambda name: f"-rf {name}.xlsx")
_called("name-leads-with-blank", "a name that begins and ends with blanks", lambda name: f"  {name} .xlsx")
_called("name-blank-behind", "a blank behind the suffix", lambda name: f"{name}.xlsx ")
_called("name-dot-behind", "a dot behind the suffix", lambda name: f"{name}.xlsx.")
_called("name-lock-file", "the lock file of an office program", lambda name: f"~${name}.xlsx")
_called("name-lock-file-libre", "the lock file of another", lambda name: f".~lock.{name}.xlsx#", "ignored")
_called("name-hidden", "a hidden file", lambda name: f".{name}.xlsx", "ignored")
_called("name-partial", "a file that is still being fetched, by its name", lambda name: f"{name}.xlsx.part")
_called("name-sql", "a name that is SQL", lambda name: f"{name}'; DROP TABLE release; --.xlsx")
_called("name-markup", "a name that is a script in HTML", lambda name: f"{name}<img src=x onerror=alert(1)>.xlsx")
_called("name-format", "a name of format directives", lambda name: f"{name}%s%n{{0}}{{source}}$(id)`id`.xlsx")
_called("name-glob", "a name of wild cards", lambda name: f"{name}*[!a]?.xlsx")
_called("name-backslash", "a name with the separator of Windows", lambda name: f"{name}\\..\\..\\up.xlsx")
_called("name-of-windows", "a name that Windows keeps for itself", lambda name: f"{name}-CON/NUL.xlsx")
_called("name-composed", "a name in composed letters", lambda name: f"{name}-\u00e9.xlsx")
_called("name-decomposed", "the same to the eye in letters and accents", lambda name: f"{name}-e\u0301.xlsx")
_called("name-emoji", "a name of pictures", lambda name: f"{name}-\U0001f469\u200d\U0001f469\u200d\U0001f467.xlsx")
_called("name-two-suffixes", "a name with two suffixes", lambda name: f"{name}.ods.xlsx")
_called("name-yaml-within", "a name with .yaml within", lambda name: f"{name}.xlsx.yaml.xlsx")
_called("name-yaml-behind", "a workbook that is called a sidecar", lambda name: f"{name}.yaml")
_called("name-text", "a workbook that is called a text", lambda name: f"{name}.txt", "ignored")
_called("name-deep", "40 folders deep", lambda name: f"{name}/" + "d/" * 40 + "x.xlsx")
_called("name-folder-bidi", "a folder whose name turns the direction", lambda name: f"{name}\u202e\x1b[2J/x.xlsx")
_called("name-folder-hidden", "in a hidden folder", lambda name: f".{name}/x.xlsx", "ignored")
_called("name-folder-xlsx", "in a folder that is called x.xlsx", lambda name: f"{name}.xlsx/x.xlsx")

# ---- what is not a file ----------------------------------------------------------------------------------------------


def _special(name: str, description: str, make: Callable[[Path], object], expected: Expected = "refused") -> None:
    register(name, "cps", "special", description, lambda place: make(place.path(".xlsx")), expected)


def _socket(path: Path) -> None:
    # The path of a socket is short by nature: it is made elsewhere and moved.
    with tempfile.TemporaryDirectory() as aside, socket.socket(socket.AF_UNIX) as made:
        short = Path(aside, "s")
        made.bind(str(short))
        short.rename(path)


def _link_out(path: Path) -> None:
    """A link to a good file that lies outside: /tmp is nobody's raw folder."""
    handle, outside = tempfile.mkstemp(suffix=".xlsx")
    with os.fdopen(handle, "wb") as stream:
        stream.write(pack(parts_of("cps"), "outside"))
    path.symlink_to(outside)
    path.with_name(path.name + ".yaml").write_text(SIDECARS["cps"])


def _unreadable(path: Path) -> None:
    path.write_bytes(pack(parts_of("cps"), "unreadable"))
    path.with_name(path.name + ".yaml").write_text(SIDECARS["cps"])
    path.chmod(0)


def _folder_unreadable(path: Path) -> None:
    path.mkdir()
    (path / "x.xlsx").write_bytes(pack(parts_of("cps"), "in a closed folder"))
    path.chmod(0)


def _loop(path: Path) -> None:
    folder = path.with_suffix("")
    folder.mkdir()
    (folder / "again").symlink_to(folder)


_special("special-fifo", "a FIFO: who opens it waits for ever", os.mkfifo)
_special("special-socket", "a socket", _socket)
_special("special-device", "a device that never ends: /dev/zero", lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5)))
_special("special-dangling", "a link to nothing", lambda path: path.symlink_to("nowhere.xlsx"))
_special("special-leads-out", "a link to a file outside the folder", _link_out)
_special("special-leads-to-proc", "a link to /proc/self/mem", lambda path: path.symlink_to("/proc/self/mem"))
_special("special-leads-to-itself", "a link to itself", lambda path: path.symlink_to(path.name))
_special("special-folder", "an empty folder called x.xlsx", Path.mkdir, "ignored")
_special("special-unreadable", "a file that may not be read (by root it may)", _unreadable, "either")
_special("special-folder-closed", "a folder that may not be entered (by root it may)", _folder_unreadable, "either")
_special("special-loop", "a folder with a link to itself in it", _loop, "ignored")
_special("special-leads-to-root", "a link to the folder /", lambda path: path.symlink_to("/"), "ignored")
_special("special-link-within", "a link to a good file of the same folder", lambda path: path.symlink_to(next(p.name for p in sorted(path.parent.glob("cps-data*.xlsx")))), "either")
