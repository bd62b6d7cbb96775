# The demo corpus: clips rendered from a public-domain photograph. Synthetic, and says so.

# A rule a synthetic subject: a job renders all clips of one warped face.
for dataset in DATASETS:
    for subject in sorted(demo_files_by(dataset, demo_subject)):

        rule:
            name:
                f"render_demo_{dataset}_{subject}"
            output:
                demo_files_by(dataset, demo_subject)[subject],
            log:
                RESULTS / dataset / "logs/render_demo" / f"{subject}.log",
            conda:
                "../envs/features.yaml"
            resources:
                mem_mb=growing(1000),
                runtime=growing(10),
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
            script:
                "../scripts/render_demo.py"
