# Asked for by hand: the splits as conversations, for trainers of vision-language models.
from facewave.versions import CHAT_EXPORT_VERSION


rule write_chat:
    input:
        split=DATASET / "splits/{split}/{part}.parquet",
    output:
        chat=DATASET / "export/{split}/{part}.{form}.jsonl",
    log:
        DATASET / "logs/write_chat/{split}/{part}.{form}.log",
    wildcard_constraints:
        form="llava|messages",
        part="|".join(PARTS),
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        prompt=CONFIG["export_chat"]["prompt"],
        use_text=CONFIG["export_chat"]["use_text"],
        store=STORE,
        version=CHAT_EXPORT_VERSION,
    message:
        "write {output.chat}"
    script:
        "../scripts/write_chat.py"


rule export_chat:
    input:
        of_datasets(
            "export/{split}/{part}.{form}.jsonl",
            part=PARTS,
            form=CONFIG["export_chat"]["formats"],
        ),
