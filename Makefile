# `make test` and `make demo` only need Python ≥ 3.10; everything else is set up in .dev/.
PYTHON ?= python3
export PYTHONPYCACHEPREFIX := $(CURDIR)/.dev/cache/python
# Otherwise each Odoo process would compile Odoo again, which doubles its start time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup lint test simulate preflight walk faults installations contract bench demo serve screenshots translations odoo-tests clean
help:
	@$(PYTHON) -m dev --help

setup lint test simulate preflight walk faults installations contract bench demo serve screenshots translations odoo-tests:
	@$(PYTHON) -m dev $@ $(ARGS)

clean:
	rm -rf .dev
