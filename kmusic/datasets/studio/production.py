"""An artist's production: what all songs of an artist share in sound."""

from dataclasses import dataclass, replace

import numpy as np

from kmusic.datasets.studio.drums import Kit
from kmusic.datasets.studio.instruments import INSTRUMENTS, Timbre
from kmusic.datasets.studio.songs import artist_draws

STEMS = ("bass", "chords", "lead", "drums")


@dataclass(frozen=True, kw_only=True)
class Production:
    """How an artist's records sound.

    Attributes:
        kit: The drums.
        rolloff: Added to the rolloff of every instrument.
        pace: Factor on the attack and decay of every instrument.
        detune_cents: Added to the detuning of instruments that have two voices.
        gains_db: Level of each of `STEMS` in the mix.
        low_cut_hz: Below it the mix falls by 12 dB an octave.
        high_cut_hz: Above it the mix falls by 12 dB an octave.
        bell_hz: Centre of the equaliser's bell, two octaves wide.
        bell_db: Height of the bell.
        room_seconds: Time in which the reverberation falls by 60 dB.
        hiss_db: Level of the tape's noise below the music's.
        level_db: RMS of the finished track re full scale.
        seed: What noise and room are drawn from.
    """

    kit: Kit
    rolloff: float
    pace: float
    detune_cents: float
    gains_db: dict[str, float]
    low_cut_hz: float
    high_cut_hz: float
    bell_hz: float
    bell_db: float
    room_seconds: float
    hiss_db: float
    level_db: float
    seed: int

    def timbre(self, instrument: str) -> Timbre:
        """Give an instrument as this artist plays it."""
        timbre = INSTRUMENTS[instrument]
        return replace(
            timbre,
            rolloff=timbre.rolloff + self.rolloff,
            attack=timbre.attack * self.pace,
            decay=timbre.decay * self.pace,
            detune_cents=timbre.detune_cents + self.detune_cents if timbre.detune_cents else 0.0,
        )


def draw_production(seed: int, genre: str, artist_number: int) -> Production:
    """Draw the production of one artist; genres do not differ in it.

    Args:
        seed: Seed of the corpus.
        genre: Name in `GENRES`.
        artist_number: Which artist of the genre.
    """
    draws = artist_draws(seed, genre, artist_number)
    number = draws.number
    noise_seed = int(draws.words("noise")[0] >> np.uint64(32))
    kit = Kit(
        kick_hz=number("kick_hz", 42, 68),
        kick_seconds=number("kick_seconds", 0.07, 0.22),
        snare_hz=number("snare_hz", 150, 260),
        snare_seconds=number("snare_seconds", 0.05, 0.16),
        hat_hz=number("hat_hz", 4_500, 8_500),
        hat_seconds=number("hat_seconds", 0.02, 0.06),
        seed=noise_seed,
    )
    return Production(
        kit=kit,
        rolloff=number("rolloff", -0.2, 0.3),
        pace=2 ** number("pace", -0.4, 0.4),
        detune_cents=number("detune_cents", 0, 10),
        gains_db={stem: number(f"{stem} gain", -2, 2) for stem in STEMS},
        low_cut_hz=2 ** number("low_cut", 4.6, 6.3),
        high_cut_hz=2 ** number("high_cut", 12.6, 13.6),
        bell_hz=2 ** number("bell_hz", 8.5, 12.0),
        bell_db=number("bell_db", -5, 5),
        room_seconds=number("room_seconds", 0.4, 2.2),
        hiss_db=number("hiss_db", -75, -60),
        level_db=number("level_db", -21, -15),
        seed=noise_seed,
    )
