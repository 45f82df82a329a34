"""Becomes a PostgreSQL program: run as a script by ``db.embedded``, never imported.

``launcher.py PARENT_PID UID GID PROGRAM ARGUMENT…`` gives up root's rights (UID -1: nothing to give up), asks the
kernel to kill this process when the one that started it dies, and executes the program in its place. A script of its
own because all of this must happen between fork and exec, where Python code of a threaded process may not run.

What must stay true: the death signal is set *after* the change of user, which clears it. The working directory is the
caller's choice, taken while still root, so the program may stand in a directory whose parents it could not pass.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent_pid: int, uid: int, gid: int, command: list[str]) -> None:
    """Never returns: the process becomes ``command`` or exits with a sentence on stderr."""
    os.umask(0o077)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    libc = ctypes.CDLL(None, use_errno=True)
    # Immediate shutdown: nobody is left to wait for a checkpoint, and the next start recovers from the log.
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGQUIT), 0, 0, 0) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG) failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent_pid:
        sys.exit("the server that wanted PostgreSQL is gone")  # it died before the signal was set
    os.execv(command[0], command)  # noqa: S606  (no shell: this is the point of the script)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
    except OSError as problem:
        sys.exit(f"{sys.argv[4]} cannot be run: {problem}")
