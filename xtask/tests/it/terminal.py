"""Runs a program on a pseudo-terminal and answers its question.

Usage: terminal.py ANSWER SEARCH_PATH PROGRAM [WORD...]
The program sees SEARCH_PATH as its PATH. Prints what the program wrote up to the question, a line `-- answered`, what it
wrote after it, and ends with the program's exit code.
"""

import os
import pty
import select
import sys

QUESTION = b"[y/N] "
PATIENCE_SECONDS = 60


def read_some(terminal):
    """The next octets; none at the end, or when nothing comes."""
    ready, _, _ = select.select([terminal], [], [], PATIENCE_SECONDS)
    if not ready:
        sys.exit("the program says nothing")
    try:
        return os.read(terminal, 4096)
    except OSError:  # The other side is closed.
        return b""


def main():
    answer, search_path, program = sys.argv[1], sys.argv[2], sys.argv[3:]
    child, terminal = pty.fork()
    if child == 0:
        os.execve(program[0], program, {**os.environ, "PATH": search_path})
    seen = b""
    while not seen.endswith(QUESTION):
        some = read_some(terminal)
        if not some:
            break
        seen += some
    if seen.endswith(QUESTION):
        seen += b"\n-- answered\n"
        os.write(terminal, answer.encode() + b"\n")
    while some := read_some(terminal):
        seen += some
    _, status = os.waitpid(child, 0)
    sys.stdout.buffer.write(seen.replace(b"\r\n", b"\n"))
    sys.stdout.flush()
    sys.exit(os.waitstatus_to_exitcode(status))


main()
