# `make test` and `make demo` need nothing but Python ≥ 3.10; all else is set up below .dev/.
PYTHON ?= python3
export PYTHONPYCACHEPREFIX := $(CURDIR)/.dev/cache/python
# Each Odoo process would compile Odoo anew, which takes as long as all else that it does to start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup lint test simulate faults installations bench demo serve screenshots translations odoo-tests clean
help:
	@$(PYTHON) -m dev --help

setup lint test simulate faults installations bench demo serve screenshots translations odoo-tests:
	@$(PYTHON) -m dev $@ $(ARGS)

clean:
	rm -rf .dev
