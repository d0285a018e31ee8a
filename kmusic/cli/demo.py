"""The main job on the embedded default."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from kmusic.cli.console import (
    JSON,
    load_tensorflow,
    progress,
    say,
    show_json,
    training_progress,
)
from kmusic.cli.evaluate import show_scores


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write; must be new.")] = Path("demo"),
    size: Annotated[int, typer.Option(min=72, help="Tracks to compose.")] = 288,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs to train.")] = 6,
    seed: Annotated[int, typer.Option(help="Another seed is another corpus.")] = 0,
    json: JSON = False,
) -> None:
    """Compose music, train, judge on unseen artists, search, export, predict from the export."""
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"--out must be a new folder; got {out}.")
    load_tensorflow()
    tracks = _compose(out, size, seed)
    say(
        f"1. composed {len(tracks)} tracks, {tracks['label'].nunique()} genres: {out}/music",
        quiet=json,
    )
    run = _train(out, tracks, epochs, seed)
    say(f"2. trained a residual CNN: {out}/run", quiet=json)
    answer = _evaluate(run, out)
    say("3. heard the tracks of artists that it has never heard:", quiet=json)
    if not json:
        show_scores(answer)
    found = _search(run, out)
    say(f"4. most like {found['query']}: {', '.join(found['similar'])}", quiet=json)
    exported = _export(run, out)
    say(
        f"5. exported to {exported['folder']}; its probabilities differ from the model's "
        f"by at most {exported['largest_difference']:.1e}",
        quiet=json,
    )
    say(f"6. pictures and figures on one page: {out}/run/report/index.html", quiet=json)
    if json:
        show_json({"evaluation": answer, "search": found, "export": exported})


def _compose(out: Path, size: int, seed: int) -> Any:
    """Compose the corpus; one artist a genre is held out for validation and one for the test."""
    from kmusic.cli.tracks import compose_studio
    from kmusic.datasets.splits import Fractions, split_by_group
    from kmusic.datasets.studio.corpus import StudioConfig
    from kmusic.datasets.table import checked, write_tracks

    tracks = checked(compose_studio(out / "music", StudioConfig(n_tracks=size, seed=seed)))
    tracks = split_by_group(tracks, fractions=Fractions(validation=1 / 6, test=1 / 6), seed=seed)
    write_tracks(tracks, out / "tracks.csv")
    return tracks


def _train(out: Path, tracks: Any, epochs: int, seed: int) -> Any:
    from kmusic.training.defaults import DEFAULTS
    from kmusic.training.fit import train
    from kmusic.training.optimizers import AdamConfig

    recipe = replace(
        DEFAULTS["residual_cnn"],
        epochs=epochs,
        seed=seed,
        # A corpus this small gives few steps, so they are larger than the paper's 2e-4.
        optimizer=AdamConfig(learning_rate=1e-3),
    )
    with training_progress() as report:
        run, _ = train(recipe, tracks, out / "run", report=report)
    return run


def _evaluate(run: Any, out: Path) -> dict[str, Any]:
    from kmusic.evaluation.scoring import score_run, write_scores
    from kmusic.report.run_pictures import write_report

    with progress("listening", 1.0) as advance:
        scores = score_run(run.folder, advance=advance)
    write_scores(run.folder, scores, f"the studio corpus in {out}/music, artists apart")
    write_report(run.folder, scores)
    return scores.to_json()


def _search(run: Any, out: Path) -> dict[str, Any]:
    """Find the tracks nearest to the first one among those of unseen artists."""
    from kmusic.datasets.table import read_tracks
    from kmusic.evaluation.embed_files import embed_to_file
    from kmusic.evaluation.retrieval import nearest

    tracks = read_tracks(out / "tracks.csv")
    unseen = tracks[tracks["split"] == "test"].reset_index(drop=True)
    embeddings, _ = embed_to_file(run, unseen, out / "embeddings.npz")
    rows, _ = nearest(embeddings.vectors, embeddings.vectors[0], 4)
    paths = [Path(path) for path in embeddings.tracks["path"]]
    names = [path.relative_to((out / "music").absolute()).as_posix() for path in paths]
    return {"query": names[0], "similar": [names[row] for row in rows if row != 0][:3]}


def _export(run: Any, out: Path) -> dict[str, Any]:
    """Export, read the export back, and hold what it says of a track to what Keras says."""
    import numpy as np
    import tensorflow as tf

    from kmusic.audio.files import read_waveform
    from kmusic.datasets.table import read_tracks
    from kmusic.evaluation.predictions import hear
    from kmusic.serving.export import export_saved_model, read_labels

    folder = export_saved_model(run, out / "saved_model")
    unseen = read_tracks(out / "tracks.csv").query("split == 'test'").reset_index(drop=True)
    chosen = unseen.groupby("label").head(1)
    served = tf.saved_model.load(str(folder))
    waveforms = [read_waveform(p, run.recipe.frontend.sample_rate) for p in chosen["path"]]
    answers = [served.serve(waveform[None])["probabilities"][0].numpy() for waveform in waveforms]
    expected = hear(run, chosen).probabilities
    labels = read_labels(folder)
    return {
        "folder": str(folder),
        "predictions": {
            path: labels[int(answer.argmax())]
            for path, answer in zip(chosen["path"], answers, strict=True)
        },
        "largest_difference": float(np.max(np.abs(np.stack(answers) - expected))),
    }
