"""docs/deployment.md names files that are there, and every variable of docker-compose.yml."""

import re

from .conftest import ROOT

DOCUMENT = (ROOT / "docs" / "deployment.md").read_text()
MADE_LATER = ("deploy/secrets", "deploy/gateway.env", "deploy/nginx.env")


def test_files_that_it_names_are_there() -> None:
    named = {path.rstrip(".") for path in re.findall(r"\bdeploy/[\w./@*-]+", DOCUMENT)}
    assert len(named) > 10
    for path in named:
        assert path.startswith(MADE_LATER) or list(ROOT.glob(path)), path


def test_variables_of_compose_are_those_that_it_explains() -> None:
    used = set(re.findall(r"\$\{(\w+):?-", (ROOT / "docker-compose.yml").read_text()))
    (table,) = re.findall(r"\| variable \|.*?\n\n", DOCUMENT, re.DOTALL)
    first_cells = [row.split("|")[1] for row in table.strip().splitlines()[2:]]
    explained = {name for cell in first_cells for name in re.findall(r"`([A-Z_]+)`", cell)}
    assert explained == used
