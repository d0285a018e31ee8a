import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from kmusic.atomic import replacing, write_arrays, write_text


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_what_was_written_takes_the_target_s_place(tmp_path):
    target = tmp_path / "new" / "folder" / "x.txt"
    write_text(target, "old")
    write_text(target, "Ёж\n")
    assert target.read_bytes() == "Ёж\n".encode()
    assert names(target.parent) == ["x.txt"]


def test_the_old_file_stays_until_the_block_ends(tmp_path):
    target = tmp_path / "x.txt"
    target.write_text("old")
    with replacing(target) as draft:
        draft.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"


def test_a_block_that_raises_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "x.txt"
    target.write_text("old")

    def write():
        with replacing(target) as draft:
            draft.write_text("half")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        write()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["x.txt"]


def test_the_draft_has_the_target_s_suffix_and_is_hidden(tmp_path):
    with replacing(tmp_path / "model.v2.keras") as draft:
        assert draft.suffix == ".keras"
        assert draft.name.startswith(".")
        draft.touch()


def test_threads_that_write_one_file_do_not_meet(tmp_path):
    target, n_threads = tmp_path / "x.txt", 8
    together = Barrier(n_threads)

    def write(number):
        text = str(number) * 100_000
        with replacing(target) as draft:
            together.wait()
            draft.write_text(text)
            together.wait()

    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(write, range(n_threads)))
    assert target.read_text() in [str(number) * 100_000 for number in range(n_threads)]
    assert names(tmp_path) == ["x.txt"]


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    target = tmp_path / "x.txt"
    target.write_text("old")
    code = (
        "import sys, time\n"
        "from kmusic.atomic import replacing\n"
        "with replacing(sys.argv[1]) as draft:\n"
        "    draft.write_text('half')\n"
        "    print('writing', flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "writing\n"
        writer.send_signal(signal.SIGKILL)
    assert target.read_text() == "old"


def test_a_reader_never_sees_half_a_file(tmp_path):
    target = tmp_path / "x.npz"
    write_arrays(target, {"x": np.zeros(100_000)})
    sizes = {target.stat().st_size}
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(
            lambda: [write_arrays(target, {"x": np.zeros(100_000)}) for _ in range(20)]
        )
        while not writing.done():
            sizes.add(target.stat().st_size)
            time.sleep(0.001)
    assert len(sizes) == 1


def test_arrays_come_back_by_name(tmp_path):
    arrays = {"vectors": np.arange(6.0).reshape(2, 3), "path": np.array(["a", "Ё"])}
    write_arrays(tmp_path / "e.npz", arrays)
    with np.load(tmp_path / "e.npz", allow_pickle=False) as read:
        assert set(read) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(read[name], array)
