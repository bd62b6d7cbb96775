"""Speech to text: what is said in a clip, by Whisper or PocketSphinx.

| module | content |
|---|---|
| `sound` | the sound of a clip or a part of it, 16 kHz, one channel; its level; windows of speech |
| `engines` | `Engine`: which recogniser, of which version, and how it is loaded |
| `pocketsphinx`, `whisper` | the two engines |
| `transcribe_bucket` | a bucket of clips to answers in the store, and the bucket's index |
| `transcripts` | the table of all clips' transcripts, and its summary |
| `word_errors` | word error rate |
"""
