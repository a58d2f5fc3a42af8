"""Every input of the contract gets the right result or one sentence; nothing else is touched."""

import subprocess
from pathlib import Path

import pytest
from contract_cases import CASES, Case
from contract_runs import BEGIN, END, Outcome, row_of, run

from installed_command import COMMAND

PAGE = Path(__file__).parents[2] / "docs" / "input-contract.md"
ROWS = [line for line in PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0].splitlines() if "|" in line]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}: {case.name}")
def test_right_result_or_one_sentence(case: Case, tmp_path: Path) -> None:
    outcome = run(case, tmp_path)
    assert outcome.changed == ()
    if case.spans is None:
        _check_refusal(outcome)
        sentence = outcome.said
    else:
        assert outcome.code == 0, outcome.said
        assert outcome.spans == sorted(case.spans)
        assert outcome.said == ""
        assert len(outcome.warned) == bool(case.words), outcome.warned
        sentence = " ".join(outcome.warned)
    for word in case.words:
        assert word in sentence
    assert row_of(case, outcome, str(tmp_path)) in ROWS, "python tests/contract/contract_runs.py docs/input-contract.md"


def _check_refusal(outcome: Outcome) -> None:
    assert outcome.code == 2, outcome.said
    assert outcome.said.startswith("Error: ")
    assert len(outcome.said.splitlines()) == 1, outcome.said
    assert outcome.spans is None


def test_names_are_unique() -> None:
    assert len({(case.group, case.name) for case in CASES}) == len(CASES)


def test_the_page_has_no_other_rows() -> None:
    heads = 2 * len({case.group for case in CASES})
    assert len(ROWS) == len(CASES) + heads


@pytest.mark.parametrize("name", ["masks missing at the start", "a TIFF file cut off in the middle"])
def test_the_installed_command_says_the_same(name: str, tmp_path: Path) -> None:
    case = next(case for case in CASES if name.replace("masks", "mask") in case.name)
    arguments = case.make(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    done = subprocess.run([COMMAND, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert all(word in done.stderr for word in case.words)
    assert {path.name for path in tmp_path.iterdir()} == before
