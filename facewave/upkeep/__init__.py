"""What people do with results now and then: check that they are whole, see what they hold, prune.

`verify.py` reads everything and names what is damaged, `inventory.py` says what the store holds,
`prune.py` removes what nothing needs; what is needed is found in `needed.py`, which is to be read
first. The rules are in `rules/storage.smk`.
"""
