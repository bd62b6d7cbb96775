# The demo corpus: clips rendered from a public-domain photograph, and marked as synthetic.
from facewave.demo.recipe import RECIPE_VERSION
from facewave.planning.project import rendered_patterns

# One rule per rendered dataset, one job per synthetic subject: it renders all clips of one face.
for dataset, options in PROJECT.datasets.items():
    if options["adapter"] != "demo":
        continue

    rule:
        name:
            f"render_demo_{dataset}"
        output:
            [
                RESULTS / dataset / "demo_clips" / path
                for path in rendered_patterns(options)
            ],
        log:
            RESULTS / dataset / "logs/render_demo/{subject}.log",
        benchmark:
            RESULTS / dataset / "benchmarks/render_demo/{subject}.tsv"
        wildcard_constraints:
            subject=r"s\d+",
        conda:
            "../envs/features.yaml"
        resources:
            mem_mb=growing(1000),
            runtime=growing(10),
        params:
            folder=RESULTS / dataset / "demo_clips",
            subject=lambda wildcards: wildcards.subject,
            subjects=options["subjects"],
            takes=options["takes"],
            classes=options["classes"],
            size=options["size"],
            fps=options["fps"],
            seed=CONFIG["seed"],
            version=RECIPE_VERSION,
        message:
            "render the synthetic clips of {wildcards.subject}"
        script:
            "../scripts/render_demo.py"
