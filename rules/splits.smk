# Features and labels -> one Parquet file per part, one folder per fold where the protocol has folds.
# Also exports of the splits to other programs, and a search for similar clips in different datasets.
from facewave.planning.cross_datasets import split_options
from facewave.planning.project import baseline_rule
from facewave.versions import (
    CARD_VERSION,
    CHAT_EXPORT_VERSION,
    FRAME_HASH_VERSION,
    SPLIT_VERSION,
)

# Tables of frame hashes per dataset; a joint dataset has no clips of its own.
HASHES = {
    name: PROJECT.of_buckets(name, "frame_hashes")
    for name in PROJECT.enabled
    if PROJECT.datasets[name]["adapter"] != "joint"
}
LOOK_ALIKES = RESULTS / "near_duplicates.tsv"


rule build_splits:
    input:
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        features=of_buckets("features"),
    output:
        train=DATASET / "splits/{split}/train.parquet",
        val=DATASET / "splits/{split}/val.parquet",
        test=DATASET / "splits/{split}/test.parquet",
    log:
        DATASET / "logs/build_splits/{split}.log",
    benchmark:
        DATASET / "benchmarks/build_splits/{split}.tsv"
    wildcard_constraints:
        split=r"(?!cross_dataset/)[^/]+(/fold-[^/]+)?",
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        store=STORE,
        features=STAGE_OPTIONS["features"],
        tracks=STAGE_OPTIONS["tracks"],
        classes=of_dataset("classes"),
        split=split_options(CONFIG),
        fold=lambda wildcards: wildcards.split.partition("/")[2] or None,
        seed=CONFIG["seed"],
        baseline=baseline_rule(CONFIG["features"], seed=CONFIG["seed"]),
        version=SPLIT_VERSION,
    message:
        "split {wildcards.dataset} by {wildcards.split}"
    script:
        "../scripts/build_splits.py"


rule splits:
    """Write the training, validation and test parts as Parquet."""
    input:
        of_datasets("splits/{split}/{part}.parquet", part=PARTS),


# An older format: an array of dicts in a .npy file.
rule write_npy:
    input:
        split=DATASET / "splits/{split}/{part}.parquet",
    output:
        npy=DATASET / "export/{split}/{part}.npy",
    log:
        DATASET / "logs/write_npy/{split}/{part}.log",
    benchmark:
        DATASET / "benchmarks/write_npy/{split}/{part}.tsv"
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    message:
        "write {output.npy}"
    script:
        "../scripts/write_npy.py"


rule export_npy:
    """Write the splits as NumPy arrays of dicts."""
    input:
        of_datasets("export/{split}/{part}.npy", part=PARTS),


rule write_chat:
    input:
        split=DATASET / "splits/{split}/{part}.parquet",
    output:
        chat=DATASET / "export/{split}/{part}.{form}.jsonl",
    log:
        DATASET / "logs/write_chat/{split}/{part}.{form}.log",
    benchmark:
        DATASET / "benchmarks/write_chat/{split}/{part}.{form}.tsv"
    wildcard_constraints:
        form="llava|messages",
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        prompt=CONFIG["export_chat"]["prompt"],
        use_text=CONFIG["export_chat"]["use_text"],
        roots=lambda wildcards: PROJECT.roots(wildcards.dataset),
        store=STORE,
        version=CHAT_EXPORT_VERSION,
    message:
        "write {output.chat}"
    script:
        "../scripts/write_chat.py"


rule export_chat:
    """Write the splits as conversations, for other trainers of vision-language models."""
    input:
        of_datasets(
            "export/{split}/{part}.{form}.jsonl",
            part=PARTS,
            form=CONFIG["export_chat"]["formats"],
        ),


rule write_card:
    input:
        parts=lambda wildcards: [
            PROJECT.results / wildcards.dataset / "splits" / split / f"{part}.parquet"
            for split in PROJECT.split_folders(wildcards.dataset)
            for part in PARTS
        ],
    output:
        card=DATASET / "splits/README.md",
        croissant=DATASET / "splits/croissant.json",
    log:
        DATASET / "logs/write_card.log",
    benchmark:
        DATASET / "benchmarks/write_card.tsv"
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        folds=lambda wildcards: PROJECT.fold_names(wildcards.dataset),
        adapter=of_dataset("adapter"),
        version=CARD_VERSION,
    message:
        "describe the splits of {wildcards.dataset}"
    script:
        "../scripts/write_card.py"


rule dataset_card:
    """Write a dataset card (Hugging Face) and Croissant metadata beside each dataset's splits."""
    input:
        of_datasets("splits/README.md"),


rule hash_frames:
    input:
        key=rules.track_faces.input.key,
        rendered=rendered_files,
    output:
        table=DATASET / "frame_hashes/{bucket}.tsv",
    log:
        DATASET / "logs/hash_frames/{bucket}.log",
    benchmark:
        DATASET / "benchmarks/hash_frames/{bucket}.tsv"
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        key=PROJECT.digest_of("tracks/{bucket}"),
        frames=CONFIG["near_duplicates"]["frames"],
        default_fps=CONFIG["landmarker"]["default_fps"],
        video=lambda wildcards, output: CONFIG["video"],
        version=FRAME_HASH_VERSION,
    message:
        "hash frames of {wildcards.dataset}, bucket {wildcards.bucket}"
    script:
        "../scripts/hash_frames.py"


rule near_duplicates:
    """List clips of different datasets whose images look alike."""
    input:
        manifests=[RESULTS / name / "manifest_own_texts.parquet" for name in HASHES],
        hashes=[path for tables in HASHES.values() for path in tables],
    output:
        table=LOOK_ALIKES,
    log:
        RESULTS / "logs/near_duplicates.log",
    benchmark:
        RESULTS / "benchmarks/near_duplicates.tsv"
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        datasets=list(HASHES),
        counts=[len(tables) for tables in HASHES.values()],
        min_frames=CONFIG["near_duplicates"]["min_frames"],
        max_distance=CONFIG["near_duplicates"]["max_distance"],
    message:
        "compare the clips of {params.datasets}"
    script:
        "../scripts/near_duplicates.py"


wildcard_constraints:
    part="|".join(PARTS),
