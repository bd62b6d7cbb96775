"""Speech to text: what is said in a clip, by Whisper or PocketSphinx.

In come the clips of a bucket; out come one transcript per clip in the store, the bucket's index,
and a table of all transcripts with a summary. Read `transcribe_bucket` first: it is the job of a
bucket. `sound` decodes and cuts the sound of a clip, `engines` holds the two recognisers,
`transcripts` gathers the indexes, and `word_errors` computes the word error rate.
"""
