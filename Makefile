# Everything a fresh machine needs beyond Python 3.11 and make is set up by .ci/setup, once.
# Settings are environment variables (MOLVA_PORT=9000 make run); ARGS are further words for pytest.

.DEFAULT_GOAL := help
.PHONY: help run test test-fast faults bench documents check lint types layers commits workflows deployment clean
MAKEFLAGS += --no-print-directory

help: ## Show these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: ## Set up what is missing and serve in the foreground, on http://127.0.0.1:8000 unless told otherwise
	@.ci/setup runtime
	@exec .venv/bin/molva serve

test: ## Set up what is missing and run every test (ARGS="-k removed -x" chooses)
	@.ci/setup development
	@.ci/setup node
	@.venv/bin/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

test-fast: ## Run the tests for the loop while writing, in under 30 s on two cores: no Node.js, no browser, no load
	@.ci/setup development
	@.venv/bin/pytest --numprocesses auto --maxprocesses 4 --dist loadfile -p no:schemathesis \
		-m "not slow and not node and not browser" tests/unit tests/chat tests/transport $(ARGS)

faults: ## Break things under a running server and check what was promised (ARGS="--fault stop_pg --seed 7" chooses, ARGS=--list tells)
	@.ci/setup development
	@.venv/bin/python -m tests.faults $(ARGS)

bench: ## Measure against Node.js and plain python-socketio; results go to docs/performance (ARGS="--rounds 5" chooses)
	@.ci/setup development
	@UV_PYTHON_DOWNLOADS=never .tools/bin/uv sync --frozen --quiet --inexact --group bench
	@.venv/bin/python -m bench $(ARGS)

documents: ## Write what is made from code again: the tables of settings, and the types of clients/javascript
	@.ci/setup development
	@.venv/bin/python -m tests.documents.test_client_types
	@.venv/bin/python -m tests.documents.test_configuration_docs

check: lint types layers commits workflows deployment ## Run every check that CI runs beside the tests

lint: ## Check style and formatting
	@.ci/setup development
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: ## Check types
	@.ci/setup development
	.venv/bin/mypy

layers: ## Check that imports run one way
	@.ci/setup development
	.venv/bin/lint-imports

commits: ## Check the subjects of the commits that are new
	@.ci/setup development
	.venv/bin/python .ci/commits.py

workflows: ## Check the workflows of GitHub Actions
	@.ci/setup development
	.venv/bin/actionlint .github/workflows/*.yml
	.venv/bin/zizmor --offline --no-progress .github
	.venv/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	.venv/bin/pre-commit validate-config
	.venv/bin/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml

deployment: ## Check the files for Docker, compose, Kubernetes, Prometheus and Grafana
	@.ci/setup development
	@tests/deployment/get-kubectl
	.venv/bin/hadolint Dockerfile
	.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	.venv/bin/python -m tests.deployment.manifests
	.venv/bin/python -m tests.deployment.database_roles
	.venv/bin/python -m tests.deployment.monitoring

clean: ## Remove what was set up and built; data stays
	rm -rf .venv .tools build *.egg-info tests/js/node_modules bench/node/node_modules
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
