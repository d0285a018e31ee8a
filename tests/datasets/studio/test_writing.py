"""Writing in processes: all or nothing, whole files, no process left behind."""

import subprocess
import sys

import pytest
import soundfile

from kmusic.datasets.studio.writing import Job, write_files

SCRIPT = """
from pathlib import Path
from kmusic.datasets.studio.writing import Job, write_files

if __name__ == "__main__":
    jobs = [
        Job(f"studio:0/techno/0/{n}?seconds=30", Path(FOLDER) / f"{n}.flac", 22_050)
        for n in range(2_000)
    ]
    write_files(jobs, lambda done: print(done, flush=True), 2)
"""


def test_a_job_that_fails_stops_the_others_and_is_named(tmp_path):
    jobs = [Job("studio:0/polka/0/0", tmp_path / "polka.flac", 22_050)] + [
        Job(f"studio:0/techno/0/{n}?seconds=20", tmp_path / f"{n}.flac", 22_050) for n in range(200)
    ]
    with pytest.raises(ValueError, match="polka"):
        write_files(jobs, lambda _: None, 2)
    assert len(list(tmp_path.iterdir())) < 100


def test_there_must_be_a_worker(tmp_path):
    with pytest.raises(ValueError, match="workers must be at least 1; got workers=0"):
        write_files([Job("studio:0/funk/0/0", tmp_path / "a.flac", 22_050)], print, 0)


def test_a_killed_writer_leaves_no_process_behind(tmp_path):
    script = tmp_path / "write.py"
    script.write_text(SCRIPT.replace("FOLDER", repr(str(tmp_path))))
    writer = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert writer.stdout.readline() == "1\n"
    writer.kill()
    writer.communicate(timeout=20)  # the output ends when the last process that holds it does
    drafts = list(tmp_path.glob(".*.flac"))
    whole = [file for file in tmp_path.glob("*.flac") if file not in drafts]
    assert all(soundfile.info(file).frames == 30 * 22_050 for file in whole)
