# The two commands of the README, and those of everyday work. `make help` lists them.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test coverage campaign lint format bench clean

help:  ## list the commands
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/run: pyproject.toml
	$(PYTHON) -m venv $(VENV) || { echo "On Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[nest,gym,plot]'
	@touch $@

$(VENV)/test: $(VENV)/run
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

$(VENV)/bench: $(VENV)/test
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	@touch $@

run: $(VENV)/run  ## install, and evolve a spiking network that drives MountainCar (about 2 minutes)
	$(BIN)/l2l run experiments/mountain_car/config.yaml --next-free
	@echo "The paper's size (32 individuals, 400 generations):"
	@echo "  $(BIN)/l2l run experiments/mountain_car/config-paper.yaml"

test: $(VENV)/test system  ## install what tests need, check style and types, run all tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

coverage: $(VENV)/test system  ## run all tests one after the other, and show what they reach (half an hour)
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered --cov-fail-under=90

.PHONY: system
system:
	@tests/cluster/install.sh

campaign: $(VENV)/test  ## run the long campaigns (about an hour)
	$(BIN)/python -m pytest -m campaign --timeout=3600

lint: $(VENV)/test  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/test  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/bench  ## run the benchmarks, quickly
	for b in overhead history startup optimizers optimizer_overhead enkf asynchrony scale_out whole_brain; do $(BIN)/python benchmarks/$$b.py --quick; done

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist
