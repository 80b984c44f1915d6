#!/usr/bin/env python3
"""Times commands side by side: A B C, A B C, ... so that drift hits all alike.

    measure.py [--before COMMAND] [--server PID] [--tsv FILE] ROUNDS TITLE NAME=COMMAND...

--before's COMMAND runs before each of the others and is not measured. --server adds what that
process, with which the commands talk, spends on each of them. --tsv appends a line
a command to FILE: title, name, median wall seconds, peak MiB.

Each COMMAND goes to bash; one round is run before and not counted. Prints a Markdown
table: median, least and most wall seconds, the ratio to the first command (pair by
pair, median), CPU seconds and peak memory of the largest process. A command that
fails ends the measurement with its output.

The figures are GNU time's (Debian's package time): a child of this interpreter would
begin with the interpreter's own peak memory.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time


def prepare(before):
    if before:
        subprocess.run(["bash", "-c", before], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def cpu_of(pid):
    """CPU seconds of a process so far; 0 without one."""
    if not pid:
        return 0
    with open("/proc/%d/stat" % pid) as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(command, before, server):
    prepare(before)
    with tempfile.TemporaryFile() as out, tempfile.NamedTemporaryFile("r") as figures:
        server_began, began = cpu_of(server), time.monotonic()
        child = subprocess.run(["/usr/bin/time", "-o", figures.name, "-f", "%U %S %M", "bash", "-o", "pipefail", "-c", command],
                               stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        wall = time.monotonic() - began
        if child.returncode != 0:
            out.seek(0)
            sys.exit("measure.py: status %d of: %s\n%s" % (child.returncode, command, out.read().decode(errors="replace")))
        user, system, peak = figures.read().split()
    return wall, float(user) + float(system), int(peak) / 1024, cpu_of(server) - server_began


def main():
    if not os.path.exists("/usr/bin/time"):
        sys.exit("measure.py: GNU time is missing: apt-get install time")
    parser = argparse.ArgumentParser()
    parser.add_argument("--before")
    parser.add_argument("--server", type=int)
    parser.add_argument("--tsv")
    parser.add_argument("rounds", type=int)
    parser.add_argument("title")
    parser.add_argument("commands", nargs="+", metavar="NAME=COMMAND")
    options = parser.parse_args()
    rounds, title, commands = options.rounds, options.title, [a.split("=", 1) for a in options.commands]
    for _, command in commands:
        run(command, options.before, options.server)
    results = {name: [] for name, _ in commands}
    for _ in range(rounds):
        for name, command in commands:
            results[name].append(run(command, options.before, options.server))
    first = results[commands[0][0]]
    print("\n%s (%d rounds)\n" % (title, rounds))
    print("| command | wall s, median (least-most) | x the first | CPU s | peak MiB |" + (" server's CPU s |" if options.server else ""))
    print("| --- | --- | --- | --- | --- |" + (" --- |" if options.server else ""))
    for name, _ in commands:
        rows = results[name]
        walls = [r[0] for r in rows]
        ratio = statistics.median(r[0] / f[0] for r, f in zip(rows, first))
        print("| %s | %.3f (%.3f-%.3f) | %.2f | %.2f | %.1f |" % (
            name.replace("|", "\\|"), statistics.median(walls), min(walls), max(walls), ratio, statistics.median(r[1] for r in rows),
            max(r[2] for r in rows)) + (" %.2f |" % statistics.median(r[3] for r in rows) if options.server else ""))
        if options.tsv:
            with open(options.tsv, "a") as tsv:
                print(title, name, "%.3f" % statistics.median(walls), "%.1f" % max(r[2] for r in rows), sep="\t", file=tsv)


main()
