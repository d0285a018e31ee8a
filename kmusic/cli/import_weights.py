"""Read published weights into a run folder."""

from pathlib import Path
from typing import Annotated

import typer

from kmusic.cli.console import JSON, load_tensorflow, say, show_json


def import_weights(
    name: Annotated[str, typer.Argument(help="What was published: ismir2018-artist.")],
    file: Annotated[Path, typer.Argument(help="The file that its authors published.")],
    run: Annotated[Path, typer.Option(help="Folder to write; new.")],
    json: JSON = False,
) -> None:
    """Write a run folder from published weights, ready to embed, evaluate, enroll and export."""
    load_tensorflow()
    from kmusic.models import embedder
    from kmusic.training.published import import_published

    imported = import_published(name, file, run)
    model = embedder(imported.model)
    if json:
        show_json(
            {
                "run": str(imported.folder),
                "embedding_dim": model.output_shape[-1],
                "parameters": imported.model.count_params(),
                "front_end": imported.front_end,
            }
        )
    else:
        rate = imported.recipe.frontend.sample_rate
        say(f"{imported.folder}: {model.output_shape[-1]} numbers from sound at {rate} Hz")
