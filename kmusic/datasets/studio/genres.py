"""The six genres: tempo, modes, chord grammar, grooves and instruments of each."""

from dataclasses import dataclass, field

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
KEYS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@dataclass(frozen=True, kw_only=True)
class Groove:
    """One bar of accompaniment, a character a sixteenth note; "." is silence.

    Attributes:
        bass: "r" root, "3" third, "5" fifth, "6" sixth, "8" octave of the chord.
        chords: "x" strikes the chord, "o" softly, a digit plays that note of it alone.
        hold: Share of the time to the next stroke for which a chord sounds, in (0, 1].
        drums: Strokes of each drum that plays: "x" loud, "o" soft.
    """

    bass: str
    chords: str
    hold: float = 1.0
    drums: dict[str, str] = field(default_factory=dict)

    @property
    def meter(self) -> int:
        """Beats a bar."""
        return len(self.bass) // 4


@dataclass(frozen=True, kw_only=True)
class Genre:
    """What the songs of a genre have in common.

    Attributes:
        tempo_bpm: Lowest and highest tempo, in quarter notes a minute.
        modes: Scales with their weights.
        grammar: Rewriting rules from "song" down to chords. A chord is a scale degree of 1 to 7;
            with "7" it has a seventh, with "d" it is a dominant seventh whatever the scale.
        chord_bars: Length of a chord, in bars.
        grooves: Accompaniments.
        swing: Range of the delay of every second `swing_steps`, as a share of their length.
        swing_steps: Sixteenths that swing together: 2 for eighth notes, 1 for sixteenths.
        drums: Share of songs with drums.
        chords: Instruments of the accompaniment.
        lead: Instruments of the melody.
        register: MIDI pitch around which the accompaniment's chords lie.
        balance_db: Level of each part before the artist's taste, in dB.
        density: Range of the share of melody slots that are filled.
        lead_steps: Sixteenths between melody slots.
        reverb: Range of the reverberant share of the mix.
        echo: Level of the first echo, three sixteenths after the sound.
    """

    tempo_bpm: tuple[float, float]
    modes: dict[str, float]
    grammar: dict[str, tuple[str, ...]]
    chord_bars: float = 1.0
    grooves: tuple[Groove, ...]
    swing: tuple[float, float] = (0.0, 0.06)
    swing_steps: int = 2
    drums: float
    chords: tuple[str, ...]
    lead: tuple[str, ...]
    register: int
    balance_db: dict[str, float]
    density: tuple[float, float]
    lead_steps: int = 2
    reverb: tuple[float, float]
    echo: float = 0.0


FOUR_ON_THE_FLOOR = {"kick": "x...x...x...x...", "hat": "..x...x...x...x."}
ROCK_BEAT = {
    "kick": "x.......x.x.....",
    "snare": "....x.......x...",
    "hat": "x.o.x.o.x.o.x.o.",
}
SHUFFLE = {"kick": "x.......x.......", "snare": "....x.......x...", "ride": "x.o.x.o.x.o.x.o."}
BRUSHES = {"kick": "x...........", "hat": "....x...x..."}

GENRES = {
    "techno": Genre(
        tempo_bpm=(114, 136),
        modes={"minor": 0.6, "dorian": 0.25, "major": 0.15},
        grammar={
            "song": ("riff riff", "riff lift"),
            "riff": ("1 1 6 7", "1 1 1 1", "1 6 1 7", "17 17 47 47"),
            "lift": ("6 7 1 1", "4 4 1 1"),
        },
        grooves=(
            Groove(
                bass="..r...r...r...r.",
                chords="x..x..x...x..x..",
                hold=0.5,
                drums=FOUR_ON_THE_FLOOR | {"clap": "....x.......x..."},
            ),
            Groove(
                bass="r.rrr.rrr.rrr.r8",
                chords="0121012101210123",
                hold=0.8,
                drums=FOUR_ON_THE_FLOOR | {"shaker": "xoxoxoxoxoxoxoxo"},
            ),
            Groove(
                bass="r..r..r.r..r..r.",
                chords="x...............",
                drums=FOUR_ON_THE_FLOOR | {"ride": "x.x.x.x.x.x.x.x."},
            ),
        ),
        drums=1.0,
        chords=("synth", "pad", "piano"),
        lead=("synth", "bells", "marimba"),
        register=57,
        balance_db={"bass": -2, "chords": -10, "lead": -9, "drums": 2},
        density=(0.2, 0.5),
        lead_steps=1,
        reverb=(0.08, 0.3),
        echo=0.3,
    ),
    "ballad": Genre(
        tempo_bpm=(66, 100),
        modes={"major": 0.7, "minor": 0.3},
        grammar={
            "song": ("verse verse chorus", "verse chorus"),
            "verse": ("1 5 6 4", "1 6 4 5", "1 3 4 5"),
            "chorus": ("4 5 1 6", "6 4 1 5"),
        },
        chord_bars=0.5,
        grooves=(
            Groove(bass="r.......r.....5.", chords="0.1.2.3.2.1.2.1.", drums=ROCK_BEAT),
            Groove(bass="r.......r.......", chords="x...x...x...x...", drums=ROCK_BEAT),
            Groove(bass="r...........", chords="0.1.2.3.2.1.", drums=BRUSHES),
        ),
        swing=(0.0, 0.15),
        drums=0.5,
        chords=("guitar", "piano", "strings"),
        lead=("flute", "guitar", "strings"),
        register=62,
        balance_db={"bass": -7, "chords": -2, "lead": -1, "drums": -4},
        density=(0.35, 0.65),
        reverb=(0.1, 0.35),
    ),
    "blues": Genre(
        tempo_bpm=(84, 132),
        modes={"mixolydian": 0.8, "dorian": 0.2},
        grammar={
            "song": ("call answer turn",),
            "call": ("1d 1d 1d 1d", "1d 4d 1d 1d"),
            "answer": ("4d 4d 1d 1d",),
            "turn": ("5d 4d 1d 5d", "5d 5d 1d 5d"),
        },
        chord_bars=0.5,
        grooves=(
            Groove(bass="r...3...5...6...", chords="x.....o.x.....o.", hold=0.5, drums=SHUFFLE),
            Groove(bass="r.r.5.5.6.6.5.5.", chords="x.x.o.o.x.x.o.o.", hold=0.8, drums=SHUFFLE),
            Groove(bass="r...r...5...5...", chords="..x...x...x...x.", hold=0.4, drums=ROCK_BEAT),
        ),
        swing=(0.2, 0.34),
        drums=0.9,
        chords=("organ", "guitar", "piano"),
        lead=("guitar", "harmonica", "brass"),
        register=58,
        balance_db={"bass": -3, "chords": -6, "lead": -1, "drums": -3},
        density=(0.4, 0.7),
        reverb=(0.05, 0.25),
    ),
    "waltz": Genre(
        tempo_bpm=(100, 168),
        modes={"major": 0.6, "minor": 0.4},
        grammar={
            "song": ("period period", "period trio"),
            "period": ("1 1 5d 1", "1 4 5d 1", "1 6 2 5d"),
            "trio": ("4 4 1 1", "4 1 5d 1"),
        },
        grooves=(
            Groove(bass="r...........", chords="....x...x...", hold=0.5, drums=BRUSHES),
            Groove(bass="r.......5...", chords="....x...o...", hold=0.8, drums=BRUSHES),
            Groove(bass="r...........", chords="0.1.2.3.2.1.", drums=BRUSHES),
        ),
        drums=0.35,
        chords=("strings", "accordion", "piano"),
        lead=("strings", "flute", "accordion"),
        register=64,
        balance_db={"bass": -4, "chords": -5, "lead": -1, "drums": -5},
        density=(0.4, 0.7),
        reverb=(0.1, 0.4),
    ),
    "funk": Genre(
        tempo_bpm=(92, 120),
        modes={"dorian": 0.6, "mixolydian": 0.4},
        grammar={
            "song": ("vamp vamp", "vamp bridge"),
            "vamp": ("17 17 17 4d", "17 4d 17 4d", "17 17 47 17"),
            "bridge": ("4d 4d 17 17", "27 5d 17 17"),
        },
        grooves=(
            Groove(
                bass="r..r..8.r..5..8.",
                chords="..x..x....x..x..",
                hold=0.4,
                drums={
                    "kick": "x..x..x...x.....",
                    "snare": "....x..o.o..x..o",
                    "hat": "xoxoxoxoxoxoxoxo",
                },
            ),
            Groove(
                bass="r.8.r.8.r.8.5.8.",
                chords="..xx..x...xx..x.",
                hold=0.4,
                drums=FOUR_ON_THE_FLOOR | {"snare": "....x.......x..."},
            ),
            Groove(
                bass="r.....r8..r..5r.",
                chords="x..x......x..x.o",
                hold=0.3,
                drums={
                    "kick": "x.x.......xx....",
                    "snare": "....x.......x..o",
                    "shaker": "xoxoxoxoxoxoxoxo",
                },
            ),
        ),
        swing=(0.0, 0.2),
        swing_steps=1,
        drums=1.0,
        chords=("clavinet", "organ", "guitar"),
        lead=("brass", "synth", "clavinet"),
        register=66,
        balance_db={"bass": 0, "chords": -7, "lead": -7, "drums": 0},
        density=(0.3, 0.55),
        lead_steps=1,
        reverb=(0.03, 0.2),
    ),
    "ambient": Genre(
        tempo_bpm=(60, 96),
        modes={"major": 0.3, "minor": 0.35, "dorian": 0.35},
        grammar={
            "song": ("drift drift", "drift still"),
            "drift": ("17 47", "17 67", "17 27"),
            "still": ("17 17", "47 17"),
        },
        grooves=(
            Groove(
                bass="r...............",
                chords="x...............",
                drums={"kick": "x.........o.....", "hat": "....o.......o..."},
            ),
            Groove(
                bass="r...............",
                chords="x.......o.......",
                drums={"kick": "x...o...x...o...", "shaker": "..o...o...o...o."},
            ),
            Groove(bass="r...........", chords="x...........", drums=BRUSHES),
        ),
        drums=0.35,
        chords=("pad", "strings", "organ"),
        lead=("bells", "flute", "synth"),
        register=55,
        balance_db={"bass": -9, "chords": 0, "lead": -5, "drums": -4},
        density=(0.15, 0.4),
        reverb=(0.3, 0.6),
        echo=0.45,
    ),
}
