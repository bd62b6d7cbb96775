# For near_duplicates.smk and report.smk. What is compared, and whether it was.
# Tables of frame hashes by dataset; a joint one shows the clips of others.
HASHES = {
    name: [RESULTS / name / "frame_hashes" / f"{bucket}.tsv" for bucket in plan.buckets]
    for name, plan in PLANS.items()
    if DATASETS[name]["adapter"] != "joint"
}
PAIRS = RESULTS / "near_duplicates.tsv"


def compared_pairs():
    """List the table of clips that look alike: once it was asked for, reports keep it up to date."""
    return [PAIRS] if len(HASHES) > 1 and PAIRS.exists() else []
