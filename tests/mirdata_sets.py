"""Small copies of data sets that mirdata loads, in the layouts that it documents."""

import json

import soundfile as sf

from kmusic.audio.signals import tone

GTZAN = {
    f"{genre}.{number:05d}": {
        "audio": f"gtzan_genre/genres/{genre}/{genre}.{number:05d}.wav",
        "beats": f"gtzan_tempo_beat-main/beats/gtzan_{genre}_{number:05d}.beats",
        "tempo": f"gtzan_tempo_beat-main/tempo/gtzan_{genre}_{number:05d}.bpm",
    }
    for genre in ("blues", "hiphop")
    for number in (0, 1)
}
SOLOS = {
    f"{letter * 8}-567d-52c2-fef4-239f31c9d40e": {
        "audio": f"audio/Medley-solos-DB_{subset}-{number}_{letter * 8}-567d-52c2-fef4.wav"
    }
    for letter, subset, number in (("a", "training", 0), ("b", "validation", 3), ("c", "test", 3))
}
TONES = {
    name: {"audio": f"audio/{family}/{instrument}/ordinario/{name}.wav"}
    for name, family, instrument in (
        ("BTb-ord-F#1-pp-N-N", "Brass", "Bass_Tuba"),
        ("Vn-ord-A4-mf-2c-T19d", "Strings", "Violin"),
    )
}
KEYS = {
    number: {
        "audio": f"audio/{number}.LOFI.mp3",
        "key": f"keys_gs+/{number}.LOFI.key",
        "meta": f"meta/{number}.LOFI.json",
    }
    for number in ("10089", "10102")
}
IRMAS = {
    "0058__1": {"audio": "IRMAS-TrainingData/cel/[cel][cla]0058__1.wav", "annotation": None},
    "0059__1": {"audio": "IRMAS-TrainingData/cel/[cel][cla]0058__1.wav", "annotation": None},
    "02-1": {"audio": "IRMAS-TestingData-Part1/Part1/02-1.wav", "annotation": "Part1/02-1.txt"},
    "03-1": {"audio": "IRMAS-TestingData-Part1/Part1/03-1.wav", "annotation": "Part1/03-1.txt"},
}
GUITARS = {
    "00_Jazz1-200-B_comp": {
        "audio_hex_cln": "audio_hex-pickup_debleeded/00_Jazz1-200-B_comp_hex_cln.wav",
        "audio_hex": "audio_hex-pickup_original/00_Jazz1-200-B_comp_hex.wav",
        "audio_mic": "audio_mono-mic/00_Jazz1-200-B_comp_mic.wav",
        "audio_mix": "audio_mono-pickup_mix/00_Jazz1-200-B_comp_mix.wav",
        "jams": "annotation/00_Jazz1-200-B_comp.jams",
    }
}


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_index(path, version, files):
    """Write the paths of each track's files as mirdata keeps them, with no checksums."""
    tracks = {
        track_id: {key: [name, "-" if name else None] for key, name in names.items()}
        for track_id, names in files.items()
    }
    write_text(path, json.dumps({"version": version, "tracks": tracks}))


def write_sound(root, files):
    """Write a tone for each file of sound."""
    for name in (name for names in files.values() for name in names.values()):
        if name and name.endswith((".wav", ".mp3")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            sf.write(root / name, tone(440, 0.2, 8_000), 8_000)


def write_solos_metadata(root):
    sides = ("training", "validation", "test")
    rows = enumerate(zip(SOLOS, sides, ("clarinet", "flute", "flute"), strict=True))
    lines = [f"{side},{name},0,{7 + row},{id_}" for row, (id_, side, name) in rows]
    text = "\n".join(["subset,instrument,instrument_id,song_id,uuid4", *lines])
    write_text(root / "annotation" / "Medley-solos-DB_metadata.csv", text)


def write_tones_metadata(root):
    text = """\
Path,Fold,Family,Instrument (abbr.),Instrument (in full),Technique (abbr.),Technique (in full),\
Pitch,Pitch ID,Dynamics,Dynamics ID,Instance ID,String ID (if applicable),Needed digital retuning
Brass/BTb-ord-F#1-pp-N-N.wav,3,Brass,BTb,Bass Tuba,ord,ordinario,F#1,30,pp,0,0,,TRUE
Strings/Vn-ord-A4-mf-2c-T19d.wav,0,Strings,Vn,Violin,ord,ordinario,A4,69,mf,2,0,2,TRUE
"""
    write_text(root / "annotation" / "TinySOL_metadata.csv", text)


def write_keys_metadata(root):
    for number, key in zip(KEYS, ("D major", "C minor"), strict=True):
        write_text(root / KEYS[number]["key"], key)
        meta = {
            "artists": [{"name": f"Trio {number}"}, {"name": "Guest"}],
            "genres": [{"name": "Techno"}],
            "sub_genres": [{"name": name} for name in ("Techno", " ", "Dub; deep")],
            "bpm": 128,
        }
        write_text(root / KEYS[number]["meta"], json.dumps(meta))


def write_irmas_metadata(root):
    write_text(root / "Part1" / "02-1.txt", "gel\n")
    write_text(root / "Part1" / "03-1.txt", "gel\npia\n")
