"""Small copies of data sets of sounds, in their layouts; the files are there, and empty."""

import json
from pathlib import Path

from kmusic.datasets.nsynth import FAMILIES

URBAN_HEADER = "slice_file_name,fsID,start,end,salience,fold,classID,class"
URBAN_LINES = (
    "101415-3-0-2.wav,101415,1.5,5.5,1,1,3,dog_bark",
    "101415-3-0-3.wav,101415,2.0,6.0,2,1,3,dog_bark",
    "57-0-0-0.wav,57,0,0.317551,1,2,0,air_conditioner",
    "99-9-1-0.wav,99,10.0,14.0,1,10,9,street_music",
)

N_TRAIN = dict.fromkeys(FAMILIES, 3) | {"synth_lead": 4}
"""Training notes of each family."""

DEV = """\
fname,labels,mids,split
64760,"Electric_guitar,Guitar,Music","/m/02sgy,/m/0342h,/m/04rlf",train
16399,Bark,/m/05tny_,val
345111,"Bark,Dog","/m/05tny_,/m/0bt9lr",train
"""
EVAL = """\
fname,labels,mids
99,Chewing_and_mastication,/m/03cczk
37199,Rain,/m/06mb1
"""
DEV_INFO = {
    "64760": ("riff; take 2", ["guitar", "hip;hop", "guitar"], "Ada"),
    "16399": ("dog.wav", ["field-recording", "dog"], "Bob"),
    "345111": ("", [], "Bob"),
}
EVAL_INFO = {"99": ("apple", ["apple"], "plagasul"), "37199": ("rain", ["rain"], "Wim")}

API = (
    {"id": 1234, "name": "dog", "tags": ["dog", "bark; loud"], "username": "Ada", "license": "BY"},
    {"id": 5, "name": "rain", "tags": [], "username": "Bob", "license": "CC0"},
    {"id": 6, "name": "hum", "tags": ["hum"], "username": "Ada", "license": "CC0"},
)
"""Three sounds of Freesound's API, of which the last has no file."""


def write_json(path: Path, said: object) -> None:
    """Write a JSON file, and the folders to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said), encoding="utf-8")


def write_files(root: Path, *names: str) -> None:
    """Make empty files below a folder, and the folders to them."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def write_urbansound8k(root: Path) -> Path:
    """Write an UrbanSound8K of four sounds, without tags."""
    metadata = root / "metadata"
    metadata.mkdir()
    text = "\n".join([URBAN_HEADER, *URBAN_LINES]) + "\n"
    (metadata / "UrbanSound8K.csv").write_text(text, encoding="utf-8")
    cells = [line.split(",") for line in URBAN_LINES]
    write_files(root, *(f"audio/fold{line[5]}/{line[0]}" for line in cells))
    return root


def example(family: str, instrument: int) -> dict[str, object]:
    """Give what NSynth says of a note."""
    return {
        "instrument_str": f"{family}_acoustic_{instrument:03d}",
        "instrument_family_str": family,
        "instrument_source_str": "acoustic",
        "qualities_str": ["dark", "fast_decay"],
        "pitch": 60,
        "velocity": 100,
        "note": 7,
    }


def write_nsynth(root: Path) -> Path:
    """Write an NSynth with a note for validation of each of two instruments, one in the test."""
    sides = {
        "train": [(family, n) for family, count in N_TRAIN.items() for n in range(count)],
        "valid": [("bass", 20), ("flute", 30)],
        "test": [(family, 20) for family in FAMILIES],
    }
    for side, notes in sides.items():
        examples = {f"{f}_acoustic_{n:03d}-060-100": example(f, n) for f, n in notes}
        write_json(root / f"nsynth-{side}/examples.json", examples)
        write_files(root / f"nsynth-{side}/audio", *(f"{note}.wav" for note in examples))
    return root


def write_fsd50k(root: Path) -> Path:
    """Write an FSD50K of three clips to develop with and two for evaluation."""
    for name, table, said in (("dev", DEV, DEV_INFO), ("eval", EVAL, EVAL_INFO)):
        keys = ("title", "tags", "uploader")
        clips = {
            i: dict(zip(keys, clip, strict=True)) | {"license": "BY"} for i, clip in said.items()
        }
        write_json(root / f"FSD50K.metadata/{name}_clips_info_FSD50K.json", clips)
        write_files(root, *(f"FSD50K.{name}_audio/{clip}.wav" for clip in clips))
        write_files(root, f"FSD50K.ground_truth/{name}.csv")
        (root / f"FSD50K.ground_truth/{name}.csv").write_text(table, encoding="utf-8")
    return root


def write_api(root: Path) -> Path:
    """Write a download through Freesound's API, of a file and a preview."""
    write_json(root / "sounds.json", {"count": 3, "results": API})
    write_files(root, "a/b/1234.wav", "previews/5_777-hq.mp3", "cover.png", "notes.wav")
    return root
