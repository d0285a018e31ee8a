"""WaveNet beside a mel-spectrogram, Qasemi et al. (2019), section 5.4.

Run:
    kmusic tracks fma fma_small --out fma_small.csv
    kmusic train experiments/latent_disentanglement/wavenet.py --tracks fma_small.csv --run runs/wn
    kmusic evaluate runs/wn --probe forest --probe logistic
    kmusic generate runs/wn fma_small/000/000002.mp3 --out generated

Paper: no figure; the training was not done when it was printed ("more than 7 days to train just 50
epochs"). A random guess among the eight genres of fma_small is 0.125.

`small` trains on two cores: 16 layers in 2 stacks of dilations 1 to 128, which look back on 1,021
samples (0.13 s), 267,392 parameters. `published` has the sizes of the public code: 36 layers in 4
stacks of dilations 1 to 256, 4,089 samples (0.51 s), 5,591,332 parameters with weight norms
(5,563,168 without), one chunk of 47 hops a step, Adam with AMSGrad, and a rate that grows to 1e-3
over 4,000 steps and then falls with their root. The code has 10 epochs, the paper speaks of 50.

Both hear 0.752 s at 8 kHz at once and begin each from silence, as the public code does. A song's
vector is the mean over time of the activations before the last layer, which the paper names and its
code does not compute. The upper 16 of the 80 bands lie above half the sampling rate and are empty,
as in the public code (`fmax` 7,600 Hz).

Not repeated: the public code trains on the tracks of all splits and scales its features by all of
them, here by training tracks alone; it hears the first 6 s of a track, here all of it is heard; and
frames at the edges of a chunk see the sound beyond it there, here zeros, and a 48th stands at its
end.
"""

from dataclasses import replace

from kmusic.features.mel import LogMelConfig
from kmusic.features.scaling import ScalingConfig
from kmusic.models.wavenet import PUBLISHED, WaveNetConfig
from kmusic.training.optimizers import AdamConfig
from kmusic.training.probe import LogisticConfig
from kmusic.training.recipe import EarlyStopping, Recipe

SMALL = Recipe(
    frontend=LogMelConfig(
        sample_rate=8_000,
        n_fft=512,
        hop_length=128,
        n_mels=80,
        fmin=125.0,
        fmax=7_600.0,
        power=1.0,
    ),
    excerpt_seconds=0.752,  # 47 hops, 6,016 samples
    model=WaveNetConfig(),
    target=None,
    probe=LogisticConfig(),
    scaling=ScalingConfig(kind="standard", per="band"),
    optimizer=AdamConfig(learning_rate=2e-3, warmup_steps=200, amsgrad=True),
    batch_size=8,
    excerpts_per_track=2,
    epochs=20,
    early_stopping=EarlyStopping(monitor="val_loss", patience=5),
)

RECIPES = {
    "small": SMALL,
    "published": replace(
        SMALL,
        model=PUBLISHED,
        optimizer=AdamConfig(learning_rate=1e-3, warmup_steps=4_000, amsgrad=True),
        batch_size=1,
        excerpts_per_track=8,
        epochs=50,
        early_stopping=None,
    ),
}
