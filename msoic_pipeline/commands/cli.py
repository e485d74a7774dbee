"""The program ``msoic``: every command, in the order in which ``msoic --help`` lists them."""

from __future__ import annotations

from msoic_pipeline.commands.app import app
from msoic_pipeline.commands.check import check
from msoic_pipeline.commands.claims import claims
from msoic_pipeline.commands.dictionary import dictionary
from msoic_pipeline.commands.diff import diff
from msoic_pipeline.commands.kpi import kpi
from msoic_pipeline.commands.layout import layout
from msoic_pipeline.commands.let_go import let_go
from msoic_pipeline.commands.put_back import put_back
from msoic_pipeline.commands.releases import releases
from msoic_pipeline.commands.remove_sample import remove_sample
from msoic_pipeline.commands.report import report
from msoic_pipeline.commands.rule import rule
from msoic_pipeline.commands.run import run
from msoic_pipeline.commands.template import template
from msoic_pipeline.commands.trace import trace
from msoic_pipeline.commands.ui import ui
from msoic_pipeline.commands.withdraw import withdraw

app.command()(run)
app.command()(ui)
app.command()(check)
app.command()(diff)
app.command()(releases)
app.command()(withdraw)
app.command(name="put-back")(put_back)
app.command(name="let-go")(let_go)
app.command(name="remove-sample")(remove_sample)
app.command()(kpi)
app.command()(trace)
app.command()(rule)
app.command()(claims)
app.command()(report)
app.command()(dictionary)
app.command()(template)
app.add_typer(layout, name="layout")

if __name__ == "__main__":
    app()
