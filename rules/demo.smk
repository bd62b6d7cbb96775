# The demo corpus: clips rendered from a public-domain photograph. Synthetic, and says so.
from facewave.buckets import bucket_of
from facewave.datasets.demo import RECIPE_VERSION, demo_clips


def demo_corpus(dataset):
    """Return the recipe's clips of a dataset; none if it is not rendered."""
    options = DATASETS[dataset]
    if options["adapter"] != "demo":
        return []
    return demo_clips(
        subjects=options["subjects"],
        takes=options["takes"],
        classes=options["classes"],
    )


def demo_path(dataset, clip):
    """Return where a clip is rendered to."""
    return RESULTS / dataset / "demo_clips" / clip.relative_path


def rendered_clips(wildcards):
    """Return the rendered files that the clips of a bucket are; none for real datasets."""
    count = PLANS[wildcards.dataset].bucket_count
    return [
        demo_path(wildcards.dataset, clip)
        for clip in demo_corpus(wildcards.dataset)
        if bucket_of(clip.clip_id, count) == wildcards.bucket
    ]


# A rule a synthetic subject: a job renders all clips of one warped face.
for dataset in DATASETS:
    for subject in sorted({clip.subject for clip in demo_corpus(dataset)}):

        rule:
            name:
                f"render_demo_{dataset}_{subject}"
            output:
                [
                    demo_path(dataset, clip)
                    for clip in demo_corpus(dataset)
                    if clip.subject == subject
                ],
            log:
                RESULTS / dataset / "logs" / "render_demo" / f"{subject}.log",
            params:
                folder=RESULTS / dataset / "demo_clips",
                subject=subject,
                subjects=DATASETS[dataset]["subjects"],
                takes=DATASETS[dataset]["takes"],
                classes=DATASETS[dataset]["classes"],
                size=DATASETS[dataset]["size"],
                fps=DATASETS[dataset]["fps"],
                seed=CONFIG["seed"],
                version=RECIPE_VERSION,
            message:
                f"render the synthetic clips of {subject}"
            conda:
                "../envs/features.yaml"
            script:
                "../scripts/render_demo.py"
