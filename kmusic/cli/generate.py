"""Play what a run hears of tracks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kmusic.cli.console import (
    JSON,
    RUN,
    end,
    load_tensorflow,
    noting,
    progress,
    say,
    show_json,
    show_problems,
)
from kmusic.cli.embed import PATHS

if TYPE_CHECKING:
    import pandas as pd


def generate(
    run: RUN,
    paths: PATHS,
    out: Annotated[Path, typer.Option(help="Folder of the WAV files.")],
    seconds: Annotated[float, typer.Option(min=0.1, help="How much to play of each track.")] = 2.0,
    temperature: Annotated[
        float, typer.Option(min=0.01, help="What logits are divided by; less is surer.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Makes what is drawn repeatable.")] = 0,
    json: JSON = False,
) -> None:
    """Let a WaveNet play tracks from their features, and write what it heard beside it."""
    load_tensorflow()
    from kmusic.datasets.clips import ends, starts
    from kmusic.datasets.inputs import input_tracks
    from kmusic.evaluation.vocoding import vocode_track, write_wav
    from kmusic.training.runs import load_run

    trained = load_run(run)
    if not hasattr(trained.model, "vocode"):
        raise ValueError(f"RUN must play sound, as a WaveNet does; got {trained.model.name}.")
    tracks, problems = input_tracks(paths)
    rate = trained.recipe.frontend.sample_rate
    lengths = (ends(tracks) - starts(tracks)).clip(max=seconds)
    answers = []
    with progress("playing", len(tracks)) as advance:
        rows = zip(tracks["path"], starts(tracks), lengths, _names(tracks), strict=True)
        for path, start, length, name in rows:
            with noting(path, problems):
                heard, played = vocode_track(
                    trained,
                    path,
                    start=start,
                    seconds=length,
                    seed=seed,
                    temperature=temperature,
                    advance=advance,
                )
                original = write_wav(out / f"{name}.original.wav", heard, rate)
                file = write_wav(out / f"{name}.wav", played, rate)
                answers.append({"path": path, "played": str(file), "original": str(original)})
    if json:
        show_json({"tracks": answers, "problems": problems})
    for answer in answers:
        say(answer["played"], quiet=json)
    show_problems(problems)
    end(problems)


def _names(tracks: "pd.DataFrame") -> list[str]:
    """Name a file after each track; those of one name are numbered."""
    stems = tracks["path"].str.replace(":", "-").map(lambda path: Path(path).stem)
    numbers = stems.groupby(stems).cumcount()
    return [f"{stem}-{n + 1}" if n else stem for stem, n in zip(stems, numbers, strict=True)]
