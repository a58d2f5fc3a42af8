"""The notebooks of this folder are made of scripts: cells begin with ``# %%``, texts with ``# %% [markdown]``.

python docs/notebooks/pairing.py           # write NAME.ipynb of every NAME.py
python docs/notebooks/pairing.py --check   # only say which of them do not agree
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
MARK = re.compile(r"^# %%(?P<text> \[markdown\])?\n", re.MULTILINE)


def scripts() -> list[Path]:
    return sorted(path for path in HERE.glob("*.py") if path.name != Path(__file__).name)


def notebook(script: str) -> str:
    """The notebook of a script, without outputs, as JSON."""
    marks = list(MARK.finditer(script))
    ends = [mark.start() for mark in marks[1:]] + [len(script)]
    cells = []
    for number, (mark, end) in enumerate(zip(marks, ends, strict=True)):
        source = script[mark.end() : end].strip("\n")
        shared = {"id": f"cell-{number}", "metadata": {}}
        if mark["text"]:
            text = re.sub(r"^# ?", "", source, flags=re.MULTILINE)
            cells.append({"cell_type": "markdown", **shared, "source": text.splitlines(keepends=True)})
        else:
            empty = {"execution_count": None, "outputs": []}
            cells.append({"cell_type": "code", **shared, **empty, "source": source.splitlines(keepends=True)})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    content = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    differ = []
    for path in scripts():
        made, paired = notebook(path.read_text("utf-8")), path.with_suffix(".ipynb")
        if not paired.is_file() or paired.read_text("utf-8") != made:
            differ.append(paired.name)
            if "--check" not in sys.argv[1:]:
                paired.write_text(made, "utf-8")
    print(f"{'differ' if '--check' in sys.argv[1:] else 'written'}: {', '.join(differ) or 'none'}")
    if differ and "--check" in sys.argv[1:]:
        sys.exit(1)


if __name__ == "__main__":
    main()
