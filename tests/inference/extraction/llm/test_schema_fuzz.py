"""No JSON that a model may answer escapes as an exception of another kind."""

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from inference.extraction import UnusableAnswer
from inference.extraction.llm.schema import proposals_of, read_answer, whole_items

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("op", "evidence", "text")), inner),
    max_leaves=10,
)


@given(JSON | JSON.map(lambda value: {"operations": value}))
def test_json_of_any_shape_is_read_or_unusable(value: object) -> None:
    content = json.dumps(value)
    whole = [whole_items(text, "operations") for text in (content, content[:-1])]
    for answer in (content, content[: len(content) // 2], *whole):
        with contextlib.suppress(UnusableAnswer):
            proposals_of(read_answer(answer), [])


def test_operations_that_are_no_list_hold_no_whole_operation() -> None:
    for value in ("null", "3", '"text"', '{"op": "add"}', "true"):
        assert whole_items(f'{{"operations": {value}}}', "operations") == ""
    assert whole_items('{"operations": [' + "9" * 5000 + ", 1, 2", "operations") == ""
