# `make test` and `make demo` only need Python ≥ 3.10; everything else is set up in .dev/.
# The system's Python first: it is compiled for speed, which a self-compiled one often is not.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3.1[0-9]) python3)
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
