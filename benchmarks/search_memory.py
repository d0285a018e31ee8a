"""Peak memory of a search's own process over 20 tiny trials.

Run:
    python benchmarks/search_memory.py

`kmusic tune` trains each trial in a process of its own. The resident memory of the parent, now and
at its peak, is printed whenever trials have ended, and at last that of the greatest trial. Aim:
less than 10 MB more after the last trial than after the first.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

N_TRIALS = 20
SPACE = """
from dataclasses import replace

from kmusic.training.defaults import DEFAULTS

OBJECTIVE = "val_loss"


def space(hp):
    base = replace(DEFAULTS["residual_cnn"], excerpt_seconds=1.0, augment=None, epochs=1)
    rate = hp.Float("optimizer.learning_rate", 1e-4, 1e-2, sampling="log", default=1e-3)
    return replace(base, optimizer=replace(base.optimizer, learning_rate=rate))
"""
KMUSIC = (sys.executable, "-m", "kmusic")


def megabytes(pid: int) -> tuple[float, float]:
    """Read the resident memory of a process, now and at its peak; zeros if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0.0, 0.0
    lines = dict(line.split(":", 1) for line in status.split("\n") if ":" in line)
    now, peak = (int(lines.get(name, "0 kB").split()[0]) / 1_000 for name in ("VmRSS", "VmHWM"))
    return now, peak


def children(pid: int) -> list[int]:
    """List the processes that a process has begun."""
    told = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in told.read_text().split()] if told.is_file() else []


def main() -> None:
    """Print the parent's peak as trials end, and what it grew by."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "space.py").write_text(SPACE)
        studio = ("tracks", "studio", "music", "--size", "16", "--out", "tracks.csv")
        subprocess.run([*KMUSIC, *studio], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        search = ("tune", "space.py", "--tracks", "tracks.csv", "--out", "out")
        command = [*KMUSIC, *search, "--trials", str(N_TRIALS), "--tuner", "random"]
        parent = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        known: dict[int, tuple[float, float]] = {}
        greatest = 0.0
        while parent.poll() is None:
            greatest = max([greatest, *(megabytes(each)[1] for each in children(parent.pid))])
            n_ended = len([*folder.glob("out/trials/*/outcome.json")])
            if n_ended not in known and n_ended < N_TRIALS:  # then pictures are drawn
                known[n_ended] = megabytes(parent.pid)
                now, peak = known[n_ended]
                print(f"{n_ended:3d} trial(s): now {now:,.1f} MB, peak {peak:,.1f} MB", flush=True)
            time.sleep(0.05)
        if parent.returncode:
            raise RuntimeError(f"kmusic tune must end well; got exit code {parent.returncode}.")
        grown = [last - first for first, last in zip(known[1], known[max(known)], strict=True)]
        print(f"from 1 to {max(known)} trials: {grown[0]:+.1f} MB, peak {grown[1]:+.1f} MB")
        print(f"a trial took up to {greatest:,.0f} MB")


if __name__ == "__main__":
    main()
