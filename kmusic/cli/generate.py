"""Play what a run hears of tracks."""

from collections.abc import Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Annotated

import typer

from kmusic.cli.console import (
    JSON,
    RUN,
    end,
    load_tensorflow,
    progress,
    say,
    show_json,
    show_problems,
)
from kmusic.cli.embed import PATHS


def generate(
    run: RUN,
    paths: PATHS,
    out: Annotated[Path, typer.Option(help="Folder of the WAV files.")],
    seconds: Annotated[float, typer.Option(min=0.1, help="How much to play of each track.")] = 2.0,
    temperature: Annotated[
        float, typer.Option(min=0.01, help="What logits are divided by; less is surer.")
    ] = 1.0,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Makes what is drawn repeatable.")
    ] = 0,
    json: JSON = False,
) -> None:
    """Let a WaveNet play tracks from their features, and write what it heard beside it."""
    load_tensorflow()
    from kmusic.audio.files import AudioError
    from kmusic.datasets.clips import ends, row_names, starts
    from kmusic.datasets.inputs import input_tracks
    from kmusic.evaluation.vocoding import require_vocoder, vocode_track, write_wav
    from kmusic.training.runs import load_run

    trained = load_run(run)
    require_vocoder(trained)
    tracks, problems = input_tracks(paths)
    files = _files(tracks["path"].tolist(), out)
    out.mkdir(parents=True, exist_ok=True)  # found out before anything is played
    lengths = (ends(tracks) - starts(tracks)).clip(max=seconds)
    play = partial(vocode_track, trained, seed=seed, temperature=temperature)
    answers = []
    with progress("playing", len(tracks)) as advance:
        rows = zip(tracks["path"], row_names(tracks), starts(tracks), lengths, files, strict=True)
        for path, name, start, length, (file, original) in rows:
            try:
                heard, played = play(path, start=start, seconds=length, advance=advance)
            except AudioError as error:
                problems[name] = error.reason
                advance()
                continue
            for target, sound in ((original, heard), (file, played)):
                write_wav(target, sound, trained.recipe.frontend.sample_rate)
            answers.append({"path": path, "played": str(file), "original": str(original)})
    if json:
        show_json({"tracks": answers, "problems": problems})
    for answer in answers:
        say(answer["played"], quiet=json)
    show_problems(problems)
    end(problems)


def _files(paths: Sequence[str], out: Path) -> list[tuple[Path, Path]]:
    """Give what is played of each track a file, and what was heard; those of one name are numbered.

    Raises:
        ValueError: If a track itself would be written over.
    """
    pairs: list[tuple[Path, Path]] = []
    taken: set[Path] = set()
    for path in paths:
        stem = Path(path.replace(":", "-")).stem
        for number in count(1):
            name = f"{stem}-{number}" if number > 1 else stem
            pair = out / f"{name}.wav", out / f"{name}.original.wav"
            if taken.isdisjoint(pair):
                break
        pairs.append(pair)
        taken.update(pair)
    heard = {Path(path).resolve() for path in paths}
    if lost := sorted(str(file) for file in taken if file.resolve() in heard):
        raise ValueError(f"--out must not write over the tracks that are played; got {lost[0]}.")
    return pairs
