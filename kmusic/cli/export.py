"""Write a trained run as a SavedModel for TF Serving."""

from pathlib import Path
from typing import Annotated

import typer

from kmusic.cli.console import JSON, RUN, load_tensorflow, say, show_json


def export(
    run: RUN,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the model. Default: saved_models/RUN.")
    ] = None,
    version: Annotated[int, typer.Option(min=1, help="Folder in it to write.")] = 1,
    json: JSON = False,
) -> None:
    """Export a run as a SavedModel: waveform in, probabilities and embedding out."""
    load_tensorflow()
    from kmusic.serving.export import export_saved_model
    from kmusic.training.runs import load_run

    trained = load_run(run)
    folder = export_saved_model(trained, out or Path("saved_models") / run.name, version=version)
    if json:
        rate = trained.recipe.frontend.sample_rate
        show_json({"folder": str(folder), "sample_rate": rate, "labels": trained.labels})
    else:
        say(str(folder))
