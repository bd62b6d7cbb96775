"""Files that stay whole, and what says whether they are still valid.

A *shard* is a file in the content-addressed store, named by its *key*, a digest of everything that
decides its content (`store`, to be read first). A *fingerprint* says whether a clip's file changed
(`fingerprint`, with `frame_files` for folders of frames). Clips are processed in *buckets*: a key
file lists the clips of a bucket, an *index* the keys of their shards (`buckets`, `tables`; of the
shards that no bucket names `key_index`). Everything is written through `atomic`.
"""
