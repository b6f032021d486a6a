# make run    set up and serve on http://127.0.0.1:8000, with a demo token
# make test   everything, real servers included       make check   the quick part, under a minute
# make bench  the figures in benchmarks/              make install set-up alone
# make docs   docs/settings.md and docs/errors.md again, after a change of settings or errors
# make clients   the table in docs/clients.md again, by running all clients
# make screenshots   docs/images again, after a change of the page at /ops; needs chromium

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-input
# On all processors: pip compiles on one. Some packages have files that no Python compiles.
COMPILE := $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib app inference benchmarks testbed tests training || true
# One more than two processors: tests wait for servers, processes and timeouts a good part of their time.
TEST_PROCESSES := 3
# One thread of arithmetic each: processes with several threads each would only wait for one another.
# A test that hangs in its teardown only ends with its process, which is what the thread method does.
# Hundreds of processes import the same modules, which must be compiled once, whatever the environment says.
TESTS := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -p no:cacheprovider \
	-n $(TEST_PROCESSES) --dist worksteal --timeout-method=thread

.PHONY: run install test test-servers test-clients check bench catalogs clients docs screenshots

run: install
	@exec $(BIN)/gateway serve --demo

install: $(VENV)/.installed

# Three installations at once: each waits for the network, then for the disk.
test:
	@$(MAKE) --no-print-directory -j 3 $(VENV)/.installed-for-tests test-clients
	$(TESTS)

test-servers:
	@scripts/install-test-servers

test-clients: $(VENV)/.created test-servers
	@scripts/install-test-clients

check: $(VENV)/.installed-for-tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(TESTS) -m "not slow and not servers" --ignore tests/inference  # whose import of torch alone takes seconds

bench: $(VENV)/.installed-for-tests
	$(BIN)/python -m benchmarks.gateway_overhead
	$(BIN)/python -m benchmarks.decode
	$(BIN)/python -m benchmarks.serve_load
	$(BIN)/python -m benchmarks.first_answers

docs: $(VENV)/.installed
	$(BIN)/gateway docs settings > docs/settings.md
	$(BIN)/gateway docs errors > docs/errors.md

catalogs: $(VENV)/.installed-for-tests
	$(BIN)/pybabel compile -i app/locale/zh-Hans/errors.po -o app/locale/zh-Hans/errors.mo

clients: $(VENV)/.installed-for-tests
	scripts/install-test-clients
	$(BIN)/python -m tests.app.clients

screenshots: $(VENV)/.installed-for-tests
	$(BIN)/python -m tests.app.ops.page.screenshots

# Each stamp is newer than pyproject.toml: a second run installs nothing and needs no network.
$(VENV)/.installed: pyproject.toml | $(VENV)/.created
	@echo "Installing the gateway and PyTorch into $(VENV): some minutes, 1 to 5 GB by the index's build of torch."
	@echo "(PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu offers the small one, without CUDA.)"
	$(PIP) --no-compile -e '.[inference]'
	@$(COMPILE)
	@touch $@

$(VENV)/.installed-for-tests: pyproject.toml | $(VENV)/.created
	@echo "Installing the gateway, PyTorch and what the tests need into $(VENV): some minutes ..."
	$(PIP) --no-compile -e '.[inference,test]'
	@$(COMPILE)
	@touch $(VENV)/.installed $@

$(VENV)/.created:
	@python=$$(scripts/find-python) && echo "Creating $(VENV) with $$python ..." && $$python -m venv $(VENV)
	$(PIP) --quiet --upgrade 'pip>=25'  # Debian 12's own needs a quarter of an hour to choose versions
	@touch $@
