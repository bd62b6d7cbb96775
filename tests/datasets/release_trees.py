"""Small trees in the official layouts of the datasets, and how they are read."""

import logging

from openpyxl import Workbook

from facewave.config.check import check_config, dataset_config
from facewave.datasets.files.dfew_lists import WORDS
from facewave.datasets.load import load_clips
from facewave.manifest.class_lists import MAFW_ORDER
from facewave.manifest.clips import ManifestError

JPEG = b"\xff\xd8not really\xff\xd9"


def read(adapter, root, **options):
    """Return the clips of a root, as the workflow reads them."""
    entry = {"adapter": adapter, "root": str(root), **options}
    config = check_config({"enabled": ["set"], "datasets": {"set": entry}})
    full = dataset_config(config, "set")
    return load_clips("set", full, classes=full["classes"], seed=1, demo_root=root)


def problems(adapter, root, **options):
    """Return the message of the error that reading a root gives."""
    try:
        clips = read(adapter, root, **options)
    except ManifestError as error:
        return str(error)
    raise AssertionError(f"{len(clips)} clips were read")


def notes(caplog, adapter, root, **options):
    """Return what is logged while a root is read."""
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="facewave"):
        read(adapter, root, **options)
    return "\n".join(record.getMessage() for record in caplog.records)


def put(path, data=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def put_text(path, lines, *, encoding="utf-8", end="\n"):
    return put(path, "".join(line + end for line in lines).encode(encoding))


def put_frames(folder, count=2):
    for number in range(1, count + 1):
        put(folder / f"{folder.name}_{number:05d}.jpg", JPEG)


def put_workbook(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append(row)
    book.save(path)


# DFEW: clips 1 to 20; clip 15 and 16 have label 0.

DFEW_CLIPS = range(1, 21)
DFEW_LABEL = {clip: 0 if clip in (15, 16) else (clip - 1) % 7 + 1 for clip in DFEW_CLIPS}
DFEW_SINGLE = [clip for clip, label in DFEW_LABEL.items() if label]
DFEW_FOLD = {clip: clip % 5 + 1 for clip in DFEW_SINGLE}


def dfew_votes(clip):
    label = DFEW_LABEL[clip]
    return [
        8 if number == label else (2 if number == label % 7 + 1 else 0) for number in range(1, 8)
    ]


def dfew_annotation(root, kind="xlsx"):
    header = [*(f"{number}{word}" for number, word in enumerate(WORDS, 1)), "order", "label"]
    rows = [header, *([*dfew_votes(clip), clip, DFEW_LABEL[clip]] for clip in DFEW_CLIPS)]
    path = root / "Annotation" / f"annotation.{kind}"
    if kind == "xlsx":
        put_workbook(path, rows)
    else:
        put_text(path, (",".join(map(str, row)) for row in rows))


def dfew_lists(root, *, header="video_name,label", line="{clip},{label}", base=1, name=None):
    """Write the ten lists; `name` formats their path, the official one without it."""
    name = name or "EmoLabel_DataSplit/{part}(single-labeled)/set_{fold}.csv"
    for fold in range(1, 6):
        for part in ("train", "test"):
            clips = [c for c in DFEW_SINGLE if (DFEW_FOLD[c] == fold) == (part == "test")]
            lines = [line.format(clip=c, label=DFEW_LABEL[c] - 1 + base) for c in clips]
            path = root / name.format(part=part, fold=fold)
            put_text(path, [header, *lines] if header else lines)


def dfew_clips(root, name="Clip/original/{clip}.mp4"):
    for clip in DFEW_CLIPS:
        put(root / name.format(clip=clip, part=(clip - 1) // 10 + 1))


def dfew_frames(root, name="Clip/clip_224x224/{clip:05d}"):
    for clip in DFEW_CLIPS:
        put_frames(root / name.format(clip=clip))


def dfew(root):
    dfew_annotation(root)
    dfew_lists(root)
    dfew_clips(root)
    return root


# MAFW: clips 1 to 33, three of each single label; from 23 on they have a compound label too.

MAFW_CLIPS = range(1, 34)
MAFW_SINGLE = {clip: (clip - 1) % 11 + 1 for clip in MAFW_CLIPS}
MAFW_MULTI = {clip: ((1, 2), (6, 10), (3, 7), (1, 2, 8))[clip % 4] for clip in range(23, 34)}
MAFW_FOLD = {clip: clip % 5 + 1 for clip in MAFW_CLIPS}
MAFW_HEADER = ["clip", *MAFW_ORDER]


def mafw_word(*numbers):
    return "_".join(MAFW_ORDER[number - 1] for number in numbers)


def mafw_books(root, *, title=False, order=MAFW_ORDER, suffix="xlsx"):
    """Write the four workbooks of Labels; `order` shuffles columns and ids."""
    number = {MAFW_ORDER.index(word) + 1: place for place, word in enumerate(order, 1)}
    top = [["MAFW single expression set"]] if title else []
    scores = lambda label: [0.9 if word == MAFW_ORDER[label - 1] else 0.01 for word in order]  # noqa: E731
    single = [
        [f"{clip:05d}.mp4", *scores(label), number[label]] for clip, label in MAFW_SINGLE.items()
    ]
    multi = [
        [f"{clip:05d}.mp4", *scores(labels[0]), ",".join(str(number[n]) for n in labels)]
        for clip, labels in MAFW_MULTI.items()
    ]
    text = [
        [f"{clip:05d}.mp4", f"一个人 {clip}", f"A person, number {clip}."]
        for clip, label in MAFW_SINGLE.items()
        if label != 5
    ]
    # Whether a clip is invalid, then what single-set says again; there is no label in it.
    every = [[row[0], 0, *row[1:-1]] for row in single]
    books = {
        "annotation": [*top, ["clip", "invalid", *order], *every],
        "single-set": [*top, ["clip", *order, "single_label"], *single],
        "multi-set": [*top, ["clip", *order, "multi_label"], *multi],
        "descriptive_text": text,
    }
    for stem, rows in books.items():
        path = root / "Labels" / f"{stem}.{suffix}"
        if suffix == "xlsx":
            put_workbook(path, rows)
        else:
            put_text(path, ("\t".join(map(str, row)) for row in rows))


def mafw_lists(root, *, captions=False):
    """Write the lists without captions (UTF-8, CRLF), and those with captions (GBK, tabs)."""
    compound = {**MAFW_SINGLE, **MAFW_MULTI}
    for kind, labels in (("single", MAFW_SINGLE), ("compound", compound)):
        for fold in range(1, 6):
            for part in ("train", "test"):
                folder = root / "Train & Test Set" / kind / "{}" / f"set_{fold}" / f"{part}.txt"
                clips = {
                    clip: mafw_word(*(label if isinstance(label, tuple) else (label,)))
                    for clip, label in labels.items()
                    if (MAFW_FOLD[clip] == fold) == (part == "test")
                }
                lines = [f"{clip:05d}.mp4 {word}" for clip, word in clips.items()]
                if captions != "only":
                    put_text(_filled(folder, "no_caption"), lines, end="\r\n")
                lines = [
                    f"{clip:05d}.mp4\t{word}\t<br>中文 {clip}\t<br> In English, {clip}."
                    for clip, word in clips.items()
                    if word != "neutral"
                ]
                if captions:
                    put_text(_filled(folder, "with_caption"), lines, encoding="gbk", end="\r\n")


def _filled(path, caption):
    return path.parents[2] / caption / path.parent.name / path.name


def mafw_clips(root):
    for clip in MAFW_CLIPS:
        put(root / "clips" / f"{clip:05d}.mp4")


def mafw(root):
    mafw_books(root)
    mafw_lists(root)
    mafw_clips(root)
    return root


# FERV39k: two scenes, seven emotions, two clips each; the second of each is a test clip.

FERV39K = [
    (scene, emotion, number)
    for scene in ("Action", "DailyLife")
    for emotion in ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
    for number in ("0001", "0002")
]


def ferv39k_lists(root, *, line="{path} {emotion}", folder="4_setups/All_scenes"):
    numbers = {word: index for index, word in enumerate(sorted({e for _, e, _ in FERV39K}))}
    for part, wanted in (("train", "0001"), ("test", "0002")):
        lines = [
            line.format(path=f"{scene}/{emotion}/{clip}", emotion=emotion, number=numbers[emotion])
            for scene, emotion, clip in FERV39K
            if clip == wanted
        ]
        put_text(root / folder / f"{part}_All.csv", lines)


def ferv39k_frames(root, folder="2_ClipsforFaceCrop"):
    for scene, emotion, clip in FERV39K:
        put_frames(root / folder / scene / emotion / clip)


def ferv39k(root):
    ferv39k_lists(root)
    ferv39k_frames(root)
    return root


# RAVDESS, CREMA-D, Java-SED


def ravdess(root, *, actors=(1, 2, 5), modalities=("01", "02"), channels=("01",)):
    for actor in actors:
        for channel in channels:
            kind = {"01": "Speech", "02": "Song"}[channel]
            folder = root / f"Video_{kind}_Actor_{actor:02d}" / f"Actor_{actor:02d}"
            for emotion in range(1, 9):
                for modality in modalities:
                    name = f"{modality}-{channel}-{emotion:02d}-01-02-01-{actor:02d}.mp4"
                    put(folder / name)
    return root


def crema_d(root, *, actors=(1001, 1018, 1019, 1091), suffix="flv", votes=True):
    names = [
        f"{actor}_{sentence}_{emotion}_{level}"
        for actor in actors
        for sentence, level in (("DFA", "XX"), ("IEO", "HI"))
        for emotion in ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
    ]
    for name in names:
        put(root / "VideoFlash" / f"{name}.{suffix}")
    if votes:
        lines = ['"","A","D","F","H","N","S","fileName","numResponses"']
        for row, name in enumerate(names, 1):
            for shown in (1, 2, 3):
                lines.append(f'"{shown}{row:05d}",{shown},0,0,{10 - shown},0,0,"{name}",10')
        put_text(root / "processedResults" / "tabulatedVotes.csv", lines)
    return root


def java_sed(root, *, actors=(1, 2)):
    for actor in actors:
        for emotion in range(1, 7):
            put(root / "clips" / f"{actor:02d}-01-{emotion:02d}_01.mp4")
    return root
