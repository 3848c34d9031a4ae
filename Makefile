# Everything a newcomer needs: `make demo` and `make test`. The same commands without make are in README.md.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: setup demo test unit fuzz lint chaos bench compare clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup  ## Kafka, two workers, a receiver and sample traffic, with a live table
	$(BIN)/streamhooks dev $(ARGS)

test: setup lint  ## lint, types and every test, four at a time: many of them wait
ifdef ARGS
	$(BIN)/pytest $(ARGS)
else
	$(BIN)/pytest -n 4 --dist worksteal tests/unit tests/chaos
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder tests/integration tests/browser
endif

unit: setup  ## the tests that need no Kafka
	$(BIN)/pytest $(or $(ARGS),-n 4 --dist worksteal) tests/unit

fuzz: setup  ## the same, with ten times the examples of each property
	STREAMHOOKS_TEST_DEPTH=10 $(BIN)/pytest -n auto --dist worksteal --timeout 1200 tests/unit $(ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: setup  ## measure: make bench ARGS="deliver --quick"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks $(or $(ARGS),all)

compare: setup  ## workers of two checkouts in turns: make compare ARGS="/tmp/before . --rate 1000"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks compare $(or $(ARGS),--help)

chaos: setup  ## kills, lost logs, refused writes, clocks: make chaos ARGS="--runs 2 --kinds log", or --short, --soak
	PYTHONPATH=tests $(BIN)/python -m chaos.run $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
