"""Names in the order in which people count."""

from hypothesis import given
from hypothesis import strategies as st

from facewave.natural_order import natural_key

names = st.lists(st.text("ab01_-.", max_size=6), max_size=6)


@given(names)
def test_natural_order_is_an_order(found):
    ordered = sorted(found, key=natural_key)
    assert sorted(found, key=natural_key) == ordered


def test_natural_order():
    given_names = ["f10", "F2", "f1", "g", "f01", "2", "10", "f1a"]
    assert sorted(given_names, key=natural_key) == ["2", "10", "f01", "f1", "f1a", "F2", "f10", "g"]
