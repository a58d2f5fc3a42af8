"""Damaged files of every kind, given to their readers: nothing but our own errors may come out.

    python benchmarks/fuzz.py --seconds 1800

Valid files of every format are written, one of them is changed (bits, bytes, numbers, words, lines), and all are read.
A finding is any exception outside our own ones, more than 10 s, more than 2 GB of memory, or a process that dies.
Changes follow from the name of the reader and a number, so that ``--reader tiff --only 1234`` repeats one of them.
Counts and findings are added to ``results/fuzz.json``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import os
import random
import re
import resource
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cell_tracker_gnn.errors import CellTrackerError
from fuzz_files import READERS, Reader

RESULTS = Path(__file__).parent / "results"

COMMAND = "python benchmarks/fuzz.py --seconds 850, several times; --again after every fix"

SLOW = 10.0
"""A reader that takes longer has hung."""

LARGE = 2 * 2**30
"""Bytes that a reader may take."""

NUMBERS = (
    "0", "-1", "1", "2", "255", "65535", "65536", "2147483647", "2147483648", "4294967296", "1000000000000",
    "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e308", "1e400", "-1e300", "1e-320", "nan",
    "inf", "-inf", "0.5", "007", "1_000", "٣", "0x10", "true", "null",
)  # fmt: skip
WORDS = (
    "", "../../outside", "/etc/passwd", "</script><script>alert(1)</script>", "{}", "[]", "\x00", "é", "\U0001f600",
    "${oc.env:HOME}", "%s%n", "'; drop table", "NaN", "None", ",", '"', "\n", "\t", "<!ENTITY x 'y'>", "&x;",
)  # fmt: skip


class Hang(BaseException):
    """A reader took too long."""


Judge = Callable[[Callable[[], object]], str | None]


def change(data: bytes, rng: random.Random, *, text: bool) -> bytes:
    """The bytes of a file with one to four changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        way = rng.choice((_word, _word, _number, _number, _line, _bytes) if text else (_bytes, _bytes, _number))
        data = way(data, rng)
    return data


def _bytes(data: bytes, rng: random.Random) -> bytes:
    """Cut off, flip, overwrite with extreme numbers, remove, double or insert."""
    if not data:
        return rng.randbytes(rng.randint(0, 64))
    # Headers and directories stand at the beginning and at the end.
    edge = rng.randint(1, min(256, len(data)))
    place = rng.choice((rng.randrange(len(data)), edge - 1, len(data) - edge))
    length = rng.choice((1, 2, 4, 8, rng.randint(1, 64)))
    before, after = data[:place], data[place + length :]
    size = rng.choice((1, 2, 4, 8))
    value = rng.choice((0, 1, 2, 127, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1))
    extreme = (value % 256**size).to_bytes(size, rng.choice(("little", "big")))
    return rng.choice((
        data[: rng.choice((place, len(data) // 2))],
        before + bytes((data[place] ^ (1 << rng.randrange(8)),)) + data[place + 1 :],
        before + extreme + data[place + size :],
        before + after,
        before + data[place : place + length] * rng.choice((2, 3, 1000)) + after,
        before + rng.randbytes(length) + data[place:],
    ))  # fmt: skip


def _number(data: bytes, rng: random.Random) -> bytes:
    """Another number in the place of one that is written in digits."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", data))
    if not found:
        return _bytes(data, rng)
    match = rng.choice(found)
    return data[: match.start()] + rng.choice(NUMBERS).encode() + data[match.end() :]


def _word(data: bytes, rng: random.Random) -> bytes:
    """Another word in the place of one, or a word gone."""
    found = list(re.finditer(rb'"[^"\n]*"|\w+|\[[^\[\]]*\]|\{[^{}]*\}', data))
    if not found:
        return _bytes(data, rng)
    match = rng.choice(found)
    word = rng.choice((*WORDS, *NUMBERS, found[rng.randrange(len(found))].group().decode("utf-8", "replace")))
    if rng.random() < 0.4:
        word = f'"{word}"'
    return data[: match.start()] + word.encode() + data[match.end() :]


def _line(data: bytes, rng: random.Random) -> bytes:
    """Lines doubled, removed or exchanged."""
    lines = data.split(b"\n")
    first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
    way = rng.randrange(3)
    if way == 0:
        lines.insert(second, lines[first])
    elif way == 1:
        del lines[first]
    else:
        lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


def damage_once(  # noqa: PLR0917 - a file is named by all of them
    reader: Reader, seed: Path, folder: Path, name: str, number: int, judged: Judge | None = None
) -> str | None:
    """Copy valid files, change one of them, read them all; what is wrong, or None."""
    rng = random.Random(f"{name} {number}")  # noqa: S311 - no secret
    shutil.copytree(seed, folder)
    try:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and ".kept" not in path.parts)
        # Metadata are changed as often as the many chunks.
        described = [path for path in files if path.suffix in (".json", ".txt", ".csv") or path.name.startswith(".z")]
        path = rng.choice(described if described and rng.random() < 0.6 else files)
        path.write_bytes(change(path.read_bytes(), rng, text=reader.text))
        return (judged or judge)(lambda: reader.read(folder))
    finally:
        shutil.rmtree(folder)


def judge(read: Callable[[], object]) -> str | None:
    """What is wrong with how files are read, or None; our own errors are right unless they hide a lack of memory."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), _quietly(), _alarm():
            read()
    except CellTrackerError as error:
        if _lacked_memory(error):
            return f"memory: {_blurred(error)}"
        if "\n" in str(error).strip()[:-1] and len(str(error)) > 2000:
            return f"no sentence: {str(error)[:200]}"
    except Hang:
        return "hang"
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in last if "cell_tracker_gnn" in frame.filename and "<" not in frame.name]
        where = f"{Path(own[-1].filename).name}:{own[-1].name}" if own else "?"
        return f"{type(error).__name__} in {where}: {_blurred(error)}"
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return None if used < LARGE else "memory: too much was held"


def _blurred(error: BaseException) -> str:
    """A message without the numbers and names by which the same fault differs from file to file."""
    text = re.sub(r"/[^\s'\"]+|b?'[^']*'|\"[^\"]*\"|[-+]?\d[\d.e+]*", "_", str(error))
    return text.encode("ascii", "replace").decode().partition("decode byte")[0][:80]


def _lacked_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError) or "Unable to allocate" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SLOW)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def sitting(name: str, numbers: range, deadline: float, place: Path) -> tuple[int, dict[str, int]]:
    """Try numbers in a process of its own until the time is over; how many were tried, and findings by number."""
    reader = READERS[name]
    seed = place / f"{name}-seed"
    if not seed.exists():
        seed.mkdir()
        reader.make(seed)
    found: dict[str, int] = {}
    done = numbers.start
    while done < numbers.stop and time.monotonic() < deadline:
        notes = place / "notes"
        notes.write_text("")
        child = os.fork()
        if child == 0:
            _work(reader, seed, place / "damaged", name, range(done, numbers.stop), deadline, notes)
        status = os.waitpid(child, 0)[1]
        lines = [json.loads(line) for line in notes.read_text("utf-8").splitlines()]
        begun = max((line["begun"] for line in lines if "begun" in line), default=done)
        found |= {line["what"]: line["number"] for line in lines if "what" in line}
        if status != 0:
            found[f"the process died of {os.waitstatus_to_exitcode(status)}"] = begun
            shutil.rmtree(place / "damaged", ignore_errors=True)
        done = begun + 1
    return done - numbers.start, found


def _work(  # noqa: PLR0917 - a process is told everything
    reader: Reader, seed: Path, folder: Path, name: str, numbers: range, deadline: float, notes: Path
) -> None:
    """The child: everything that it does stands in ``notes``, also if it dies."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (pages + LARGE, pages + LARGE))
    with notes.open("a", encoding="utf-8") as stream:
        for number in numbers:
            if time.monotonic() > deadline:
                break
            stream.write(json.dumps({"begun": number}) + "\n")
            stream.flush()
            wrong = damage_once(reader, seed, folder, name, number)
            if wrong is not None:
                stream.write(json.dumps({"what": wrong, "number": number}) + "\n")
                stream.flush()
                if wrong.startswith("memory"):
                    os._exit(0)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1800, help="how long, shared out among the readers")
    parser.add_argument("--reader", action="append", choices=list(READERS), help="only these")
    parser.add_argument("--only", type=int, help="only this number, with the whole traceback")
    parser.add_argument("--again", action="store_true", help="only what was found before: is it still there?")
    parser.add_argument("--output", type=Path, default=RESULTS / "fuzz.json")
    options = parser.parse_args()
    names = options.reader or list(READERS)
    stored = json.loads(options.output.read_text("utf-8")) if options.output.exists() else {}
    rows: dict[str, Any] = stored.get("readers", {})
    with tempfile.TemporaryDirectory() as folder:
        if options.only is not None:
            _show(names[0], options.only, Path(folder))
            return
        for name in names:
            row = rows.setdefault(name, {"files": 0, "cpu_seconds": 0.0, "found": {}, "open": []})
            (_again if options.again else _sit)(name, row, options.seconds / len(names), Path(folder))
    whole = {"files": sum(row["files"] for row in rows.values())}
    whole |= {"cpu_minutes": round(sum(row["cpu_seconds"] for row in rows.values()) / 60, 1)}
    whole |= {"found": sum(len(row["found"]) for row in rows.values())}
    whole |= {"open": sum(len(row["open"]) for row in rows.values())}
    content = {**stored, "command": COMMAND, **whole, "readers": rows}
    partial = options.output.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    partial.replace(options.output)
    print(whole)


def _sit(name: str, row: dict[str, Any], seconds: float, place: Path) -> None:
    """Files that were not tried before."""
    begun, cpu = time.monotonic(), _cpu()
    tried, found = sitting(name, range(row["files"], row["files"] + 10**7), begun + seconds, place)
    row["files"] += tried
    row["cpu_seconds"] = round(row["cpu_seconds"] + _cpu() - cpu, 1)
    for what, number in found.items():
        print(f"{name} {number}: {what}", flush=True)
        if what not in row["found"]:
            row["found"][what] = number
            row["open"].append(what)


def _cpu() -> float:
    """Seconds of processor time of this process and of those that it waited for."""
    known = os.times()
    return known.user + known.system + known.children_user + known.children_system


def _again(name: str, row: dict[str, Any], _: float, place: Path) -> None:
    """Files that showed something before; it counts as open as long as they show anything."""
    row["open"] = []
    for what, number in row["found"].items():
        found = sitting(name, range(number, number + 1), time.monotonic() + 60, place)[1]
        if found:
            row["open"].append(what)
            print(f"{name} {number}: {next(iter(found))}", flush=True)


def _show(name: str, number: int, place: Path) -> None:
    """Damage and read as before, and let the error out."""

    def let_out(read: Callable[[], object]) -> None:
        print(read())

    (place / "seed").mkdir()
    READERS[name].make(place / "seed")
    damage_once(READERS[name], place / "seed", place / "damaged", name, number, let_out)


if __name__ == "__main__":
    main()
