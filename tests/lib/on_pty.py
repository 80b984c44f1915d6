#!/usr/bin/env python3
"""on_pty.py [--stdout] COLUMNS SCREEN PROGRAM ARGUMENT...: runs PROGRAM with a terminal of that width as its stderr (with
--stdout also as its stdout), and keeps what is written to it in the file SCREEN, as it comes. Its exit status is
PROGRAM's; it dies with whoever started it."""
import ctypes
import fcntl
import os
import pty
import signal
import struct
import sys
import termios

PR_SET_PDEATHSIG = 1


def main():
    both = sys.argv[1] == "--stdout"
    args = sys.argv[2:] if both else sys.argv[1:]
    columns, screen, argv = int(args[0]), args[1], args[2:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        os.dup2(theirs, 2)
        if both:
            os.dup2(theirs, 1)
        os.close(theirs)
        os.close(ours)
        os.execv(argv[0], argv)
    os.close(theirs)
    with open(screen, "wb", buffering=0) as kept:
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # EIO: nobody has the other end any more
                break
            if not data:
                break
            kept.write(data)
    status = os.waitpid(child, 0)[1]
    sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


main()
