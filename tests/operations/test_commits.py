"""``make commits``: which commits it looks at, and what it says of their subjects."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
SCRIPT = Path(__file__).parents[2] / ".ci" / "commits.py"
AUTHOR = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org"}
COMMITTER = {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | AUTHOR | COMMITTER


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-c", "init.defaultBranch=main", "-c", "commit.gpgSign=false", *arguments]
    done = subprocess.run(command, cwd=repository, env=ENVIRONMENT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(repository: Path, subject: str) -> str:
    git(repository, "commit", "--quiet", "--allow-empty", "--message", subject)
    return git(repository, "rev-parse", "HEAD")


def check(repository: Path, *arguments: str) -> tuple[int, str]:
    """The exit status of the script, and what it says."""
    command = [sys.executable, SCRIPT, *arguments]
    done = subprocess.run(command, cwd=repository, env=ENVIRONMENT, check=False, capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a commit from before the rule, on whose subject nothing depends."""
    path = tmp_path / "repository"
    path.mkdir()
    git(path, "init", "--quiet")
    commit(path, "an old subject that " + "is too long, " * 9)
    return path


def first(repository: Path) -> str:
    return git(repository, "rev-list", "--max-parents=0", "HEAD")


@pytest.mark.parametrize("subject", ["Add a thing", "Add " + "x" * 68, "Ändere nichts", "Name the file x.py"])
def test_good_subject_passes(repository: Path, subject: str) -> None:
    commit(repository, subject)
    assert check(repository, "--since", first(repository)) == (0, "commits: subjects checked: 1\n")


@pytest.mark.parametrize(
    ("subject", "fault"),
    [
        ("Add " + "x" * 69, "has 73 characters"),
        ("add a thing", "does not begin with a capital letter"),
        ("Add a thing.", "ends with a full stop"),
    ],
)
def test_bad_subject_is_named_wherever_it_stands(repository: Path, subject: str, fault: str) -> None:
    bad = commit(repository, subject)
    commit(repository, "Add another thing")
    status, output = check(repository, "--since", first(repository))
    assert status == 1
    assert output == f"commits: {bad[:9]} {output.split(' ', 2)[2].strip()}\n"
    assert fault in output
    assert subject in output


def test_merge_commit_is_passed_over(repository: Path) -> None:
    start = first(repository)
    git(repository, "checkout", "--quiet", "-b", "branch")
    commit(repository, "Add a thing on a branch")
    git(repository, "checkout", "--quiet", "main")
    git(repository, "merge", "--quiet", "--no-ff", "--message", "merge of a branch, " + "at length, " * 9, "branch")
    assert check(repository, "--since", start) == (0, "commits: subjects checked: 1\n")


def test_shallow_clone_has_its_newest_commit_checked(repository: Path, tmp_path: Path) -> None:
    start = first(repository)
    commit(repository, "Add a thing")
    commit(repository, "add another")
    git(tmp_path, "clone", "--quiet", "--depth", "1", repository.as_uri(), "shallow")
    status, output = check(tmp_path / "shallow", "--since", start)
    assert status == 1
    assert "shallow" in output
    assert "does not begin with a capital letter: add another" in output


def test_shallow_clone_of_a_merge_passes_it_over(repository: Path, tmp_path: Path) -> None:
    start = first(repository)
    git(repository, "checkout", "--quiet", "-b", "branch")
    commit(repository, "Add a thing on a branch")
    git(repository, "checkout", "--quiet", "main")
    git(repository, "merge", "--quiet", "--no-ff", "--message", "merge of a branch", "branch")
    git(tmp_path, "clone", "--quiet", "--depth", "1", repository.as_uri(), "shallow")
    assert check(tmp_path / "shallow", "--since", start)[0] == 0


def test_source_archive_has_nothing_to_check(tmp_path: Path) -> None:
    status, output = check(tmp_path)
    assert (status, "no git repository" in output) == (0, True)


def test_other_history_has_nothing_to_check(repository: Path) -> None:
    status, output = check(repository)
    assert (status, "another history" in output) == (0, True)


@pytest.mark.parametrize(("message", "status"), [("Add a thing\n\nwhy.\n", 0), ("add a thing\n\nWhy\n", 1)])
def test_message_that_is_being_written_is_checked(tmp_path: Path, message: str, status: int) -> None:
    file = tmp_path / "COMMIT_EDITMSG"
    file.write_text(message, encoding="utf-8")
    assert check(tmp_path, "--message", str(file))[0] == status
