# The front door. Each target is one line that a person could type; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# The variables that people may set. Make would expand a value such as $(shell …), and a shell one such as $(…). So each
# value is taken literally and reaches recipes only in their environment; tests/workflows/test_make_variables.py checks it.
GIVEN := PYTHON STACK JSON RUN ARGS ONLY PROGRAMS N FIRST FILES RECORD PROJECT ENVIRONMENT POOL_MANAGER CANARY DATABASE DATABASES WITH FORCE KIND \
	IMAGE POLICY SUITE WORKERS WATCH HTML MOVE DRAIN ADD END CLAIMED KEY RESUME WITH_IMAGE SERVICE AGENT DEPLOYMENT FOLLOW LINES TO FROM OVER IDLE AGENTS CHECK CLI REAL OTHER REPLAY YES REPORT
$(foreach name,$(GIVEN),$(if $(filter command environment,$(firstword $(origin $(name)))),\
	$(eval override $(name) := $$(value $(name)))$(eval export $(name))))

# The first Python on PATH that is new enough; asked only by targets that need it.
override BASE_PYTHON := python="$${PYTHON:-$$(ops/toolchain/find-python)}"; test -n "$$python" && "$$python"
override VENV := .venv/bin
override STAMP := .venv/requirements.sha256
# Most tests wait for processes of their own, so two cores take two at a time.
override WORKER_COUNT := "$${WORKERS:-2}"
# Targets for images use the Docker, BuildKit and base images of the local stack if it is up. Targets that take STACK go
# through ops/run instead, because the backend and the tokens of the local stack are only for the stack `local`.
override IN_LOCAL := if [ -f .local/env ]; then . ./.local/env; fi;
override WITH_PULUMI := PATH="$$PWD/$(VENV):$$($(VENV)/python -m ops.toolchain path):$$PATH"
override TYPED := __main__.py components convos_infra emulator docs/examples/redis_beside_pool ops pool stack
override LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: random-programs strict docs first-deploy cost notify adopt agents preview up plans rotate logs images history doctor backup restore scale incidents bench-ci release config-docs conformance railway-cli matrix rollout-plan demo schema-plan schema-check bench colleague crashes faults help local down status env database-url services toolchain toolchain-checksums test lint fmt types imports check lock image qa run script workflows keys

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-20s %s\n", $$1, $$2}'

$(STAMP): ops/requirements.txt
	@$(BASE_PYTHON) -m ops.toolchain venv

local: $(STAMP) ## create the whole local environment with the real pulumi up; a second run changes nothing
	@$(VENV)/python -m ops.local up

down: ## stop and remove everything that make local started; keeps the data while other stacks live in its backend, unless FORCE=1
	@if [ -x $(VENV)/python ]; then $(VENV)/python -m ops.local down $(if $(FORCE),--force); else $(BASE_PYTHON) -m ops.local down $(if $(FORCE),--force); fi

status: $(STAMP) ## a stack as it is now: STACK=… [JSON=1] [WATCH=1] [HTML=file]; without STACK the local one (ops/run status passes exit code 3 on, make turns it into 2)
	@$(if $(STACK),ops/run status --stack="$$STACK" $(if $(JSON),--json),$(VENV)/python -m ops.local status) $(if $(WATCH),--watch) $(if $(HTML),--html="$$HTML")

agents: $(STAMP) ## the agents of a stack's pool and its last acts: STACK=… [JSON=1], with an act [MOVE=id|idle | ADD=n | DRAIN=n | END=id] [CLAIMED=yes]
	@$(VENV)/python -m ops.toolchain pulumi >&2
	@ops/run agents --stack="$$STACK" --move="$$MOVE" --add="$$ADD" --drain="$$DRAIN" --end="$$END" --claimed="$$CLAIMED" $(if $(JSON),--json)

rotate: $(STAMP) ## replace a key everywhere; the new value comes from standard input: STACK=… KEY=NAME [CLAIMED=redeploy] [RESUME=1] [WITH_IMAGE=1] [JSON=1]
	@$(VENV)/python -m ops.toolchain pulumi >&2
	@ops/run rotate --stack="$$STACK" --key="$$KEY" --claimed="$${CLAIMED:-leave}" $(if $(RESUME),--resume) $(if $(WITH_IMAGE),--with-image) $(if $(JSON),--json)

logs: $(STAMP) ## log lines of a service, an agent or a deployment: STACK=… SERVICE=canary|pool-manager|database|<name> or AGENT=<id> or DEPLOYMENT=<id> [FOLLOW=1] [LINES=200] [JSON=1]
	@ops/run logs --stack="$$STACK" --service="$$SERVICE" --agent="$$AGENT" --deployment="$$DEPLOYMENT" --lines="$${LINES:-200}" $(if $(FOLLOW),--follow) $(if $(JSON),--json)

images: $(STAMP) ## what a stack can be pinned to (tags, digests, ages, commits), and what runs now: STACK=… [N=20] [JSON=1]
	@ops/run images --stack="$$STACK" --most="$${N:-20}" $(if $(JSON),--json)

history: $(STAMP) ## who deployed what, when, from which commit, with which result: STACK=… [N=20] [JSON=1]
	@ops/run history --stack="$$STACK" --most="$${N:-20}" $(if $(JSON),--json)

doctor: $(if $(STACK),$(STAMP)) ## without STACK: what this machine has, what make local would get, what is missing; STACK=…: ask everything that the stack depends on [JSON=1]
	@$(if $(STACK),ops/run doctor --stack="$$STACK",$(BASE_PYTHON) -m ops.toolchain doctor) $(if $(JSON),--json)

first-deploy: $(STAMP) ## from an empty account to a stack that runs, step by step; run it again after an interruption: STACK=…
	@$(VENV)/python -m ops.toolchain pulumi
	@ops/run first-deploy --stack="$$STACK"

backup: $(STAMP) ## write a stack's database to a file: STACK=… [TO=file] [JSON=1]
	@ops/run backup --stack="$$STACK" --to="$$TO" $(if $(JSON),--json)

restore: $(STAMP) ## restore a backup into a scratch database, as a drill: STACK=… FROM=file [JSON=1]; over the stack's own tables: OVER=<its name again>
	@ops/run restore --stack="$$STACK" --from="$$FROM" --over="$$OVER" $(if $(JSON),--json)

scale: $(STAMP) ## change how many agents the pool keeps idle, with one deployment of the pool manager: STACK=… IDLE=n [WITH_IMAGE=1] [JSON=1]
	@ops/run scale --stack="$$STACK" --idle="$$IDLE" $(if $(WITH_IMAGE),--with-image) $(if $(JSON),--json)

cost: $(STAMP) ## what a stack costs a month, an estimate from Railway's public prices: STACK=… [AGENTS=n] [JSON=1]
	@ops/run cost --stack="$$STACK" $(if $(AGENTS),--agents="$$AGENTS") $(if $(JSON),--json)

notify: $(STAMP) ## send a trial message to NOTIFY_WEBHOOK_URL: STACK=…
	@ops/run notify --stack="$$STACK"

docs: $(STAMP) ## the documentation as a site, links and anchors checked, into .cache/site/html; CHECK=1: in a real Chromium, too
	@$(VENV)/python -m ops.toolchain docs
	@$(VENV)/python -m ops docs
	@$(if $(CHECK),SITE=1 $(VENV)/python -m pytest -q -n 0 tests/site)

database-url: $(STAMP) ## the local database's URL with its password: psql "$(make database-url)"
	@$(VENV)/python -m ops.local database-url

env: $(STAMP) ## the line that puts a shell into the local stack
	@$(VENV)/python -m ops.local env

services: $(STAMP) ## only the local services, without pulumi up
	@$(VENV)/python -m ops.local services

toolchain: $(STAMP) ## the virtual environment and the pinned tools: found, downloaded or built
	@$(BASE_PYTHON) -m ops.toolchain tools

toolchain-checksums: ## after changing Pulumi's version: commit to the checksums of the vendor's release
	@$(BASE_PYTHON) -m ops.toolchain checksums

script: $(STAMP) ## a script of the workflows, with Pulumi on PATH: RUN="drift --stack dev"
	@$(VENV)/python -m ops.toolchain pulumi
	@set -f; ops/run $$RUN

workflows: $(STAMP) ## check the workflows: actionlint and zizmor
	@$(VENV)/python -m ops.toolchain workflows
	@"$$($(VENV)/python -m ops.toolchain path)/actionlint" && $(VENV)/zizmor --offline --no-progress --persona=pedantic .github/workflows

test: $(STAMP) toolchain ## the whole test suite
	@$(BASE_PYTHON) -m ops.toolchain tests
	@$(WITH_PULUMI) PYTEST_ADDOPTS="$${ARGS:-$$PYTEST_ADDOPTS}" $(VENV)/python -m pytest -n $(WORKER_COUNT) --dist loadscope --no-loadscope-reorder

faults: $(STAMP) toolchain ## every request of create, update and destroy goes wrong once: half an hour [ONLY="update 429 --sample 10"]
	@set -f; $(WITH_PULUMI) $(VENV)/python -m tests.faults --workers $(WORKER_COUNT) $$ONLY

colleague: $(STAMP) ## a colleague with Railway's dashboard beside a stack: seeded programs, some minutes [PROGRAMS=2000 FIRST=0]
	@COLLEAGUE_PROGRAMS="$${PROGRAMS:-2000}" COLLEAGUE_FIRST="$${FIRST:-0}" \
		$(VENV)/python -m pytest -q -n 0 tests/colleague

random-programs: $(STAMP) ## seeded sequences of updates, edits, kills, faults and other people's changes; each must end as configured: some minutes [PROGRAMS=400]
	@RANDOM_PROGRAMS="$${PROGRAMS:-400}" $(VENV)/python -m pytest -q -n 0 tests/railway/test_random_programs.py

incidents: $(STAMP) toolchain ## the incidents of docs/incidents.md on a local stack of their own, by the commands of the page, and a first deploy: a quarter of an hour
	@$(WITH_PULUMI) INCIDENTS=1 $(VENV)/python -m pytest -q -n 0 tests/stack/test_incidents.py tests/stack/test_incidents_of_parts.py tests/stack/test_first_deploy.py tests/stack/test_daily_commands.py

conformance: $(STAMP) ## test the beliefs about Railway on an emulator, or with REAL=1 on Railway [OTHER=1 ONLY=read-lag YES=1 REPLAY=FILE REPORT=FILE]
	@$(VENV)/python -m ops conformance $(if $(REAL),--real) $(if $(OTHER),--other) $(if $(YES),--yes) $(if $(REPLAY),--replay="$$REPLAY") \
		$(if $(ONLY),--only="$$ONLY") $(if $(REPORT),--report="$$REPORT")

strict: $(STAMP) toolchain ## beliefs, and the tests of resources and fleets, on an emulator that takes the opposite of every disputed belief: half an hour
	@$(VENV)/python -m ops conformance --other
	@$(WITH_PULUMI) OTHER_RAILWAY=1 $(VENV)/python -m pytest -q -n $(WORKER_COUNT) tests/railway tests/fleet

railway-cli: $(STAMP) ## the flows of Railway's own CLI against an emulator: half a minute; CLI=<a debug build's path>
	@$(VENV)/python -m tests.emulator.railway_cli "$$CLI"

crashes: $(STAMP) ## crash the local stack at seeded moments; one make local must repair each crash: half a minute a crash [N=100 FIRST=0 FILES=docker/network]
	@$(VENV)/python -m tests.local.crashes --number="$${N:-100}" --first="$${FIRST:-0}" $(if $(FILES),--files="$$FILES")

plans: $(STAMP) toolchain ## five typical changes on a local stack: each update does what its preview announced: minutes [RECORD=folder]
	@$(WITH_PULUMI) $(VENV)/python -m tests.plans

matrix: $(STAMP) toolchain ## run the tests of every resource and check, and write docs/acceptance.md
	@$(WITH_PULUMI) $(VENV)/python -m tests.acceptance

lint: $(STAMP) ## the linter
	@$(VENV)/ruff check .

fmt: $(STAMP) ## format everything
	@$(VENV)/ruff format . && $(VENV)/ruff check --fix-only --quiet .

types: $(STAMP) ## the strict type check
	@$(VENV)/mypy $(TYPED)

imports: $(STAMP) ## check which package may import which
	@PYTHONPATH=pool $(VENV)/lint-imports

check: $(STAMP) ## formatter, linter, types, import arrows
	@$(VENV)/ruff format --check . && $(VENV)/ruff check . && $(VENV)/mypy $(TYPED) && PYTHONPATH=pool $(VENV)/lint-imports

keys: $(STAMP) ## every key of a stack as set, default or missing, never its value: STACK=…
	@ops/run keys --stack="$$STACK"

config-docs: $(STAMP) ## write the files that are generated from the model of the config, the keys, the attributes and the register of beliefs
	@$(VENV)/python -m ops config-docs --write

adopt: $(STAMP) toolchain ## describe a live environment as a stack: PROJECT=… ENVIRONMENT=… STACK=… [WITH=seal,canary,…] [FORCE=1] [POOL_MANAGER=… DATABASE=… CANARY=… DATABASES=a,b|none]
	@ops/run adopt --project="$$PROJECT" --environment="$$ENVIRONMENT" --stack="$$STACK" \
		--pool-manager="$$POOL_MANAGER" --canary="$$CANARY" --database="$$DATABASE" \
		--databases="$$DATABASES" --with="$$WITH" $(if $(FORCE),--force)

release: $(STAMP) toolchain ## take everything out of a stack's state and change nothing on Railway: STACK=… [FORCE=1]
	@ops/run release --stack="$$STACK" $(if $(FORCE),--force)

image: ## build the runtime image, or KIND=pool the pool manager's [IMAGE=…]
	@$(IN_LOCAL) sh ops/image/build.sh "$${KIND:-runtime}" "$${IMAGE:-convos-$${KIND:-runtime}:local}"

qa: ## start an image as Railway does and check it, or KIND=pool the pool manager's: IMAGE=…
	@$(IN_LOCAL) KIND="$$KIND" sh ops/image/qa.sh "$$IMAGE"

run: ## run the runtime image on this machine, keys from runtime/.env [IMAGE=…]
	@$(IN_LOCAL) sh ops/image/run.sh "$${IMAGE:-convos-runtime:local}"

lock: $(STAMP) ## write the locked requirements from the *.in files
	@echo "  ops/program.in" && $(VENV)/$(LOCK) ops/program.in --output-file requirements.txt
	@for in in ops/requirements.in ops/site/requirements.in $(wildcard emulator/requirements.in pool/requirements.in); do \
		echo "  $$in" && $(VENV)/$(LOCK) $$in --output-file $${in%.in}.txt || exit 1; done

preview: $(STAMP) ## what an update would do, from image and services to schema and agents: STACK=… [JSON=1]
	@$(VENV)/python -m ops.toolchain pulumi >&2
	@ops/run preview --stack="$$STACK" $(if $(JSON),--json)

up: $(STAMP) ## update a stack: shows the plan, asks, shows each service while it waits, and says what happened: STACK=… [YES=1]
	@$(VENV)/python -m ops.toolchain pulumi >&2
	@ops/run up --stack="$$STACK" $(if $(YES),--yes)

schema-plan: $(STAMP) toolchain ## the migrations that an update would apply, as text: STACK=…
	@ops/run schema-plan --stack="$$STACK"

schema-check: $(STAMP) ## all migrations on every PostgreSQL of this machine, from nothing and from each release [RECORD=0.2]
	@$(VENV)/python -m tests.schema.check $(if $(RECORD),--record="$$RECORD")

rollout-plan: $(STAMP) ## what the policy would do to which agents; read-only: STACK=… [IMAGE=sha-…] [POLICY=…] [JSON=1]
	@$(VENV)/python -m ops.toolchain pulumi >&2
	@ops/run rollout-plan --stack="$$STACK" $(if $(IMAGE),--image="$$IMAGE") $(if $(POLICY),--policy="$$POLICY") $(if $(JSON),--json)

demo: $(STAMP) ## walk through a day of operations on the local stack: claim, new image, replenish, redeploy, drain and replace, roll back
	@test -f .local/env || { echo "demo: nothing is up; run: make local" >&2; exit 1; }
	@$(IN_LOCAL) $(WITH_PULUMI) $(VENV)/python -m ops demo

bench: $(STAMP) toolchain ## measure and write docs/benchmarks; fails if a limit is exceeded [SUITE=railway]
	@$(WITH_PULUMI) PYTHONPATH=pool $(VENV)/python -m tests.benchmarks $${SUITE:+"$$SUITE"}

bench-ci: $(STAMP) ## record the seconds of each step of .ci/run, once per commit of a release: make bench-ci < LOG
	@$(VENV)/python -m tests.benchmarks.ci
