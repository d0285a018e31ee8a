"""Say what a recipe builds."""

from typing import Annotated, Any

import typer

from kmusic.cli.console import JSON, SET, load_tensorflow, say, show_json, show_table


def describe(
    recipe: Annotated[str, typer.Argument(help="file.py[:name], recipe.json, or a model's name.")],
    settings: SET = None,
    json: JSON = False,
) -> None:
    """Show layers, parameters, shapes, front end and paper figure; train nothing."""
    load_tensorflow()
    from kmusic.features.front_ends import front_end_hash
    from kmusic.models import embedder
    from kmusic.training.compose import compose
    from kmusic.training.recipe_files import find_recipe, override, to_json

    chosen = override(find_recipe(recipe), settings or [])
    composition = compose(chosen)
    parameters, trainable = composition.network_parameters
    functional = getattr(composition.model, "embedder", composition.model)
    layers = [
        {
            "name": layer.name,
            "class": type(layer).__name__,
            "output": shapes[0] if len(shapes) == 1 else shapes,
            "parameters": layer.count_params(),
        }
        for layer in functional.layers
        for shapes in [_shapes(layer.output)]
    ]
    facts = {
        "model": composition.model.name,
        "parameters": parameters,
        "trainable_parameters": trainable,
        "front_end_constants": composition.front_end.count_params(),
        "excerpt_samples": chosen.excerpt_samples,
        "features": list(composition.front_end.output.shape[1:]),
        "embedding": list(embedder(composition.model).output.shape[1:]),
        "front_end": front_end_hash(chosen.frontend),
        "paper": to_json(chosen.paper),
    }
    if json:
        show_json(facts | {"recipe": to_json(chosen), "layers": layers})
        return
    show_table(recipe, ["layer", "class", "output", "parameters"], [[*x.values()] for x in layers])
    for name, value in facts.items():
        say(f"{name.replace('_', ' ')}: {value}")


def _shapes(output: Any) -> list[list[int | None]]:
    """Give the shape of each output of a layer, of which most have one."""
    outputs = output if isinstance(output, (list, tuple)) else [output]
    return [[*each.shape] for each in outputs]
