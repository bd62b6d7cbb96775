"""The configuration: what a person wrote comes in, every option with a checked value goes out.

Start with `check.py`: `check_config` returns the full configuration or names every problem in one
`ConfigError`, and `dataset_config` returns the options of one dataset. `schema.py` reads
`schemas/config.schema.yaml` (types, ranges, defaults and descriptions of all keys) and applies it;
`expand.py` expands `~` and `$VAR` in paths; `cross_checks.py` holds the checks that compare keys
with each other; `errors.py` turns errors of JSON Schema into sentences; `table.py` writes
docs/configuration.md from the schema.
Nothing here imports more than the standard library until a configuration is checked.
"""
