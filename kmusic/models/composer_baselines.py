"""The composer classifiers of Yanchenko (2019): feed-forward, convolutional, recurrent."""

from dataclasses import dataclass, replace

import keras
from keras import layers

from kmusic.layers.blocks import as_maps
from kmusic.layers.crops import CropConfig, Crops, MeanOverCrops
from kmusic.layers.heads import probabilities, require_head
from kmusic.types import Tensor

CHUNK = CropConfig(n_frames=36)
"""0.84 s at 22,050 Hz and 512 samples a frame; 431 frames hold 11."""


@dataclass(frozen=True, kw_only=True)
class FeedForwardConfig:
    """Size of the feed-forward net.

    Attributes:
        n_classes: Number of classes.
        output: Activation of the last layer: "softmax" for one class a track, "sigmoid" for tags.
        units: Units of each hidden layer; the last is the representation.
        crop: Which crops of the features the net hears, each by itself. `None` means all at once.
    """

    n_classes: int = 5
    output: str = "softmax"
    units: tuple[int, ...] = (1_024, 512, 256, 64)
    crop: CropConfig | None = None

    def __post_init__(self) -> None:
        """Reject sizes that no network can have."""
        require_head(self.n_classes, self.output)
        _require_units(self.units)


@dataclass(frozen=True, kw_only=True)
class ConvStage:
    """Size of one convolution and of the max pooling behind it, all `(frames, bands)`.

    Attributes:
        filters: Number of filters.
        kernel: Size of the kernel.
        strides: Step of the kernel.
        padding: Zeros laid on both sides of the maps.
        pool: Window and step of the pooling, which leaves out what fills no window. `None` means
            no pooling.
    """

    filters: int
    kernel: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[int, int]
    pool: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """Reject sizes that no stage can have."""
        if self.filters < 1:
            raise ValueError(f"filters must be positive; got {self.filters}.")
        for name, least in {"kernel": 1, "strides": 1, "padding": 0, "pool": 1}.items():
            size = getattr(self, name)
            if size is not None and (len(size) != 2 or min(size) < least):
                raise ValueError(f"{name} must be (frames, bands) from {least} on; got {size}.")


CHROMA_STAGES = (
    ConvStage(filters=5, kernel=(5, 2), strides=(1, 2), padding=(1, 6), pool=(2, 1)),
    ConvStage(filters=10, kernel=(4, 2), strides=(2, 2), padding=(2, 6), pool=(2, 1)),
    ConvStage(filters=10, kernel=(4, 2), strides=(2, 2), padding=(1, 6)),
)
"""For 12 bands. Yanchenko (2019), table 2, which prints bands before frames."""

MFCC_STAGES = (
    ConvStage(filters=5, kernel=(5, 4), strides=(1, 1), padding=(1, 1), pool=(2, 1)),
    *CHROMA_STAGES[1:],
)
"""For 13 coefficients. Yanchenko (2019), table 2."""

MEL_STAGES = (
    ConvStage(filters=5, kernel=(3, 4), strides=(2, 2), padding=(1, 1), pool=(2, 1)),
    ConvStage(filters=10, kernel=(4, 4), strides=(2, 2), padding=(1, 1), pool=(2, 1)),
    ConvStage(filters=10, kernel=(4, 3), strides=(2, 2), padding=(1, 1), pool=(2, 2)),
)
"""For 64 bands. Yanchenko (2019), table 2."""

MEL_STAGES_PUBLISHED = (
    MEL_STAGES[0],
    replace(MEL_STAGES[1], pool=(2, 2)),
    replace(MEL_STAGES[2], pool=None),
)
"""For 64 bands. Public code of Yanchenko (2019), which pools otherwise than table 2 prints."""


@dataclass(frozen=True, kw_only=True)
class ComposerCNNConfig:
    """Size of the convolutional net.

    Attributes:
        n_classes: Number of classes.
        output: Activation of the last layer: "softmax" for one class a track, "sigmoid" for tags.
        stages: Sizes of the convolutions and poolings.
        units: Units of each hidden dense layer; the last is the representation.
    """

    n_classes: int = 5
    output: str = "softmax"
    stages: tuple[ConvStage, ...] = MEL_STAGES
    units: tuple[int, ...] = (120, 84)

    def __post_init__(self) -> None:
        """Reject sizes that no network can have."""
        require_head(self.n_classes, self.output)
        if not self.stages:
            raise ValueError("stages must be at least one; got none.")
        _require_units(self.units)


@dataclass(frozen=True, kw_only=True)
class ComposerLSTMConfig:
    """Size of the recurrent net.

    Attributes:
        n_classes: Number of classes.
        output: Activation of the last layer: "softmax" for one class a track, "sigmoid" for tags.
        units: Units of each recurrence.
        n_layers: Number of recurrences, each over what the one before gives in each frame.
        chunk: Which crops of the features the recurrences hear, each by itself.
        head: Whether a dense layer scores the classes. Without it the last recurrence has a unit a
            class, whose values in (-1, 1) are the scores.
    """

    n_classes: int = 5
    output: str = "softmax"
    units: int = 5
    n_layers: int = 2
    chunk: CropConfig = CHUNK
    head: bool = True

    def __post_init__(self) -> None:
        """Reject sizes that no network can have."""
        require_head(self.n_classes, self.output)
        _require_units((self.units,) * self.n_layers)

    @property
    def layer_units(self) -> tuple[int, ...]:
        """Units of each recurrence."""
        last = self.units if self.head else self.n_classes
        return (self.units,) * (self.n_layers - 1) + (last,)


def build_feed_forward(config: FeedForwardConfig, front_end: keras.Model) -> keras.Model:
    """Build the feed-forward net on a front end.

    With `crop` the hidden layers hear each crop by itself; their vectors are averaged over the
    crops of an excerpt, of which the last layer sees the mean.

    Args:
        config: Size of the network.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`.

    Returns:
        An uncompiled model from the front end's input to probabilities, shape
        `(batch, n_classes)`. Layer `"embedding"` holds the representation, shape
        `(batch, units[-1])`.

    Source:
        Yanchenko (2019), "Feed Forward Architecture"; 5,973,765, 6,415,109 and 28,923,653
        trainable parameters with 5 classes on 12, 13 and 64 bands of 431 frames.
        `units=(1_024, 512, 256, 128, 64)` is the public code: 5,998,725, 6,440,069 and 28,948,613.
    """
    features = front_end.output
    crops = Crops(config.crop)(features) if config.crop else features
    x = layers.Flatten()(crops)
    for units in config.units:
        x = layers.Dense(units)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    if config.crop:
        x = MeanOverCrops(name="embedding", dtype="float32")([x, crops, features])
    else:
        x = layers.Identity(name="embedding")(x)
    x = layers.Dense(config.n_classes)(x)
    return keras.Model(front_end.input, probabilities(x, config.output), name="feed_forward")


def build_composer_cnn(config: ComposerCNNConfig, front_end: keras.Model) -> keras.Model:
    """Build the convolutional net on a front end.

    Args:
        config: Size of the network.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`.

    Returns:
        An uncompiled model from the front end's input to probabilities, shape
        `(batch, n_classes)`. Layer `"embedding"` holds the representation, shape
        `(batch, units[-1])`.

    Source:
        Yanchenko (2019), "CNN Architecture" and table 2; trainable parameters with 5 classes on
        431 frames: 400,834 on 12 bands, 400,884 on 13 and 41,644 on 64, each with its stages.
        With `MEL_STAGES_PUBLISHED`, those of the public code, it is 75,244.
    """
    x = as_maps(front_end.output)  # (B, T, M, 1)
    for stage in config.stages:
        x = _convolved(x, stage)
    x = layers.Flatten()(x)
    for units in config.units[:-1]:
        x = layers.Dense(units, activation="relu")(x)
    x = layers.Dense(config.units[-1], activation="relu", name="embedding")(x)
    x = layers.Dense(config.n_classes)(x)
    return keras.Model(front_end.input, probabilities(x, config.output), name="composer_cnn")


def build_composer_lstm(config: ComposerLSTMConfig, front_end: keras.Model) -> keras.Model:
    """Build the recurrent net on a front end.

    The recurrences step through the frames of each chunk by itself. What the last one gives in the
    last frame is averaged over the chunks of an excerpt.

    Args:
        config: Size of the network.
        front_end: Model from sound to features of static shape `(batch, n_frames, n_bands)`.

    Returns:
        An uncompiled model from the front end's input to probabilities, shape
        `(batch, n_classes)`. Layer `"embedding"` holds the representation, the mean over the
        chunks, shape `(batch, layer_units[-1])`.

    Source:
        Yanchenko (2019), "LSTM many-to-one model". `head=False` is the public code, 580, 600 and
        1,620 parameters with 5 classes on 12, 13 and 64 bands; there each gate has two biases,
        of which only the sum counts, 40 parameters more. It also reads batches of bands by
        frames as frames by examples without transposing them, so that a sequence mixes several
        clips; here a step is a frame. There and in the text each chunk is judged by itself.
    """
    features = front_end.output
    x = chunks = Crops(config.chunk)(features)
    for units in config.layer_units[:-1]:
        x = layers.LSTM(units, return_sequences=True)(x)
    x = layers.LSTM(config.layer_units[-1])(x)
    x = MeanOverCrops(name="embedding", dtype="float32")([x, chunks, features])
    if config.head:
        x = layers.Dense(config.n_classes)(x)
    return keras.Model(front_end.input, probabilities(x, config.output), name="composer_lstm")


def _convolved(x: Tensor, stage: ConvStage) -> Tensor:
    """Pad, convolve, normalise, rectify and pool maps, shape `(batch, frames, bands, channels)`."""
    x = layers.ZeroPadding2D(stage.padding)(x)
    x = layers.Conv2D(stage.filters, stage.kernel, strides=stage.strides)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    return layers.MaxPooling2D(stage.pool)(x) if stage.pool else x


def _require_units(units: tuple[int, ...]) -> None:
    if not units or min(units) < 1:
        raise ValueError(f"units must be positive, a layer at least; got {units}.")
