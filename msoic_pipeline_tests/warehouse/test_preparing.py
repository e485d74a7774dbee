"""Views and their words come into either engine as they are written."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from msoic_pipeline.model.views import VIEWS, View
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline.warehouse.preparing import prepare


@pytest.mark.parametrize("said", ["100% of them", "100%% of them", "a reader's 5%"])
def test_a_percent_sign_of_a_view_stays(warehouse_url: str, said: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(VIEWS, "odd", View(f"Of {said}.", sa.select(sa.literal(said).label("said")), {"said": said}))
    engine = open_engine(warehouse_url)
    prepare(engine)
    with read_transaction(engine) as connection:
        assert connection.scalar(sa.text("SELECT said FROM odd")) == said
        if engine.dialect.name == "postgresql":
            comment = connection.scalar(sa.text("SELECT obj_description(CAST('odd' AS regclass))"))
            assert comment == f"Of {said}."
    engine.dispose()
