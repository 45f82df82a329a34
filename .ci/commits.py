#!/usr/bin/env python3
"""Checks the subjects of commits: a capital first, 72 characters at most, no full stop at the end.

    .ci/commits.py                  those since the rule began
    .ci/commits.py --since COMMIT   those since another commit
    .ci/commits.py --message FILE   the one that is being written (the hook commit-msg)

Merge commits are passed over. Where history is not at hand there is less to check, and the output says so: a source archive
has none, a shallow clone has the newest commits.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

RULE_BEGAN_AFTER = "8af6971092c5c2f936650c07171d77919139cb06"
"""The last commit before the rule: some of the older subjects are longer."""
SUBJECT_CHARS_MAX = 72

ROOT = Path.cwd()


def main() -> int:
    """The exit status: 1 if a subject breaks the rule."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--since", default=RULE_BEGAN_AFTER, metavar="COMMIT")
    parser.add_argument("--message", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.message is not None:
        return report({"this commit": arguments.message.read_text(encoding="utf-8").partition("\n")[0]})
    if not (ROOT / ".git").exists():
        say("there is no git repository here, so there are no commits to check")
        return 0
    return report(new_subjects(arguments.since))


def new_subjects(since: str) -> dict[str, str]:
    """The subject of each new commit, by its short id."""
    if succeeds("cat-file", "-e", f"{since}^{{commit}}"):
        new = git("rev-list", f"{since}..HEAD").split()
    elif git("rev-parse", "--is-shallow-repository").strip() == "true":
        say("this clone is shallow: only the commits that it has are checked")
        new = git("rev-list", "HEAD").split()
    else:
        say(f"this repository has another history, without {since[:7]}, so there are no commits to check")
        new = []
    return {commit[:9]: subject for commit in new if (subject := subject_of(commit)) is not None}


def subject_of(commit: str) -> str | None:
    """The subject of a commit; None for a merge. Read from the commit itself: in a shallow clone git hides parents."""
    head, _, message = git("cat-file", "commit", commit).partition("\n\n")
    parents = [line for line in head.splitlines() if line.startswith("parent ")]
    return message.partition("\n")[0] if len(parents) < 2 else None


def faults_of(subject: str) -> list[str]:
    """What is wrong with a subject."""
    faults = []
    if len(subject) > SUBJECT_CHARS_MAX:
        faults.append(f"has {len(subject)} characters, and {SUBJECT_CHARS_MAX} are allowed")
    if not subject[:1].isupper():
        faults.append("does not begin with a capital letter")
    if subject.endswith("."):
        faults.append("ends with a full stop")
    return faults


def report(subjects: dict[str, str]) -> int:
    """Print every fault."""
    faults = [f"{name} {fault}: {subject}" for name, subject in subjects.items() for fault in faults_of(subject)]
    for fault in faults:
        say(fault)
    if not faults:
        say(f"subjects checked: {len(subjects)}")
    return 1 if faults else 0


def git(*arguments: str) -> str:
    """What git prints. It may belong to somebody else: in CI root often reads what a user checked out."""
    command = ["git", "-c", f"safe.directory={ROOT}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8", errors="replace").stdout


def succeeds(*arguments: str) -> bool:
    """Whether git does this without an error."""
    try:
        git(*arguments)
    except subprocess.CalledProcessError:
        return False
    return True


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"commits: {text}{os.linesep}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FileNotFoundError as error:
        say(f"{error.filename} is not here, so the commits cannot be checked")
        sys.exit(0 if error.filename == "git" else 1)
    except subprocess.CalledProcessError as error:
        say(error.stderr.strip())
        sys.exit(1)
