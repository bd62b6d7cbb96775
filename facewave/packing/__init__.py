"""A dataset's trajectories in one archive, to be used elsewhere: `write`; see `storage.packs`."""
