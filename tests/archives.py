"""Small copies of published archives, in the layout in which they are unpacked."""

from pathlib import Path

import soundfile as sf

from kmusic.audio.signals import tone

RATE = 16_000
FMA_GENRES = """\
genre_id,#tracks,parent,title,top_level
10,4,0,Pop,10
21,4,0,Hip-Hop,21
38,1,0,Experimental,38
76,3,10,"Synth, Old / New",10
404,1,76,Lo-Fi; Tape,10
"""
FMA_TRACKS = """\
,album,album,artist,artist,artist,set,set,track,track,track,track,track
,id,title,bio,id,name,split,subset,genre_top,genres,genres_all,license,title
track_id,,,,,,,,,,,,
140,61,"Ice, ""Live"", etc",,54,Björk & Ærø,training,small,Pop,[404],"[404, 10, 76]",BY,"Hey, You"
141,61,"Ice, ""Live"", etc",,54,Björk & Ærø,training,small,Pop,[76],"[10, 76]",BY,NA
1482,-1,,"Born in ""Aarhus"" &

lives in Oslo",55,Nina,validation,small,Hip-Hop,[21],[21],CC0,
20100,65,Two,,58,周,test,medium,Hip-Hop,[21],[21],CC0,月亮
70000,66,Many,,59,Ada,training,large,,"[38, 76]","[38, 10, 76]",CC0,Both
70001,67,,,60,Bea,training,large,,[],[],CC0,Unnamed
98565,63,Cut,,57,Søn,training,small,Hip-Hop,[21],[21],CC0,Short
99134,63,Cut,,57,Søn,training,small,Hip-Hop,[21],[21],CC0,None
100001,64,Loud,,56,Nina,test,small,Pop,[10],[10],CC0,Last
"""
FMA_SMALL = (140, 141, 1_482, 98_565, 99_134, 100_001)
FMA_LARGE = (*FMA_SMALL, 20_100, 70_000, 70_001)
FMA_SETS = {
    "small": FMA_SMALL,
    "medium": (*FMA_SMALL, 20_100),
    "large": FMA_LARGE,
    "full": FMA_LARGE,
}
"""Ids of the tracks in each set."""


def write_fma(root: Path, subset: str = "small") -> Path:
    """Write a Free Music Archive of up to nine tracks, and give the folder of the set.

    Tracks 98565 and 99134 are on the data set's list of broken clips; here all are tones.
    """
    metadata = root / "fma_metadata"
    metadata.mkdir(parents=True)
    (metadata / "genres.csv").write_text(FMA_GENRES, encoding="utf-8")
    (metadata / "tracks.csv").write_text(FMA_TRACKS, encoding="utf-8")
    clips = root / f"fma_{subset}"
    for number, track in enumerate(FMA_SETS[subset]):
        name = f"{track:06d}"
        (clips / name[:3]).mkdir(parents=True, exist_ok=True)
        sound = tone(300.0 + 50 * number, 0.5, RATE)
        sf.write(clips / name[:3] / f"{name}.mp3", sound, RATE, format="MP3")
    return clips


GTZAN_LISTS = {
    "train": ["blues/blues.00029.wav", "hiphop/hiphop.00003.wav", "jazz/jazz.00054.wav"],
    "valid": ["blues/blues.00000.wav", "jazz/jazz.00001.wav"],
    "test": ["hiphop/hiphop.00012.wav", "jazz/jazz.00099.wav"],
}
"""Tracks on each of the fault-filtered lists."""


def write_gtzan(root: Path, folder: str = "genres", suffix: str = ".wav") -> Path:
    """Write a GTZAN of seven tracks, tones all, with its fault-filtered lists."""
    root.mkdir(exist_ok=True)
    for name, lines in GTZAN_LISTS.items():
        (root / f"{name}_filtered.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for number, line in enumerate(line for lines in GTZAN_LISTS.values() for line in lines):
        path = (root / folder / line).with_suffix(suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, tone(300.0 + 50 * number, 0.5, RATE), RATE)
    return root
