"""From trajectories to features: codes of fixed size for clips of any length.

In come a bucket's trajectory shards; out go one feature shard per clip in the store and the
bucket's index with each clip's quality. Read `encode_clip` first: it judges a clip (`quality`),
aligns its landmarks to the canonical face (`alignment`), fills gaps and codes every trajectory.
`groups` holds the options and says which arrays there are; they are made by `wavelets` (every
layout, on top of `haar`) and `energy` (detail energies and statistics). `encode_bucket` does that
for a bucket.
"""
