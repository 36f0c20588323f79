"""What the page knows of kinds, attributes and the parts of a note."""

from inference.findings import ATTRIBUTES, ATTRIBUTES_OF, KINDS
from tools.make_tables import TARGET, tables


def test_the_tables_of_the_page_are_those_of_the_server():
    assert TARGET.read_text() == tables(), "run .venv/bin/python -m tools.make_tables"


def test_every_kind_has_attributes_to_offer_that_exist():
    assert list(ATTRIBUTES_OF) == list(KINDS)
    for offered in ATTRIBUTES_OF.values():
        assert set(offered) <= set(ATTRIBUTES) - {"heard", "check"}
        assert len(set(offered)) == len(offered) > 0
