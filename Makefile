# Every target brings what it needs; `make` alone lists them. Each takes --help: sh toolchain/start.sh commands/up.ts --help
MAKEFLAGS += --no-print-directory --no-builtin-rules
.DEFAULT_GOAL := help

RUN := @sh toolchain/start.sh
STACK ?= dev
ARGS ?=
flag = $(if $(filter-out 0 no false,$($(1))),$(2))

.PHONY: bench-http bench-overload bench-queue bench-start chaos cluster deploys-long drill-long help pictures rotate-long up down env forward token gpu-monitor new-job slipway test test-aws check format smoke clean

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

up: ## bring what is missing, deploy the stack, let it speak        STACK=dev SLIPWAY_YES=1 ALLOW='names of data to let go'
	$(RUN) commands/up.ts --stack '$(STACK)' $(foreach name,$(ALLOW),--allow '$(name)')

new-job: ## write a kind of job and its test into jobs/kinds         NAME=resize-image QUEUE=cpu
	$(RUN) commands/new-job.ts --name '$(NAME)' $(if $(QUEUE),--queue '$(QUEUE)')

slipway: ## the command slipway: deploy, status, backup and all others   ARGS='backups --json'; ARGS=--help lists them
	$(RUN) ../ops/main.ts $(ARGS)

test: ## all tests, those with real containers included              ARGS='--project unit'
	$(RUN) commands/test.ts -- $(ARGS)

test-aws: ## the prod stack on a simulated AWS and a real Kubernetes node  ARGS='-t teardown'
	$(RUN) commands/test.ts --aws -- $(ARGS)

drill-long: ## 50 restores to random moments under write load, beside an oracle
	$(RUN) commands/test.ts --restores 50 -- --project backup test/backup/restores.test.ts

rotate-long: ## every rotation by the command under load, killed at every moment
	$(RUN) commands/test.ts --rotations -- --project e2e --project cluster test/e2e/rotate.test.ts test/cluster/commands.test.ts $(ARGS)

deploys-long: ## 50 deploys with migrations under load, while others lock the table; in a cluster, one killed at each step
	$(RUN) commands/test.ts --deploys 50 -- --project e2e --project cluster test/e2e/many-deploys.test.ts test/cluster/commands.test.ts $(ARGS)

pictures: ## take the pictures of the terminal for the docs, of a stack of their own; wants tmux
	$(RUN) -- node test/pictures/main.ts

check: ## format, lint, types and unit tests
	$(RUN) -- npm run --silent check

format: ## format the sources and mend what the linter can
	$(RUN) -- npm run --silent format

smoke: ## ask the running stack what clients ask it for                 STACK=dev JSON=1
	$(RUN) commands/smoke.ts --stack '$(STACK)' $(call flag,JSON,--json)

bench-queue: ## the queue beside BullMQ, pg-boss, graphile-worker, Celery   ARGS='--size quick --only enqueue'
	$(RUN) -- node bench/queue/main.ts $(ARGS)

bench-http: ## the API beside plain Fastify and FastAPI with Celery        ARGS='--size quick'
	$(RUN) -- node bench/http/main.ts $(ARGS)

chaos: ## jobs while processes, servers and networks break           ARGS='--seed 7 --minutes 4'
	$(RUN) -- node test/chaos/main.ts $(ARGS)

bench-overload: ## p99 of others while one tenant attacks the API         ARGS='--size quick'
	$(RUN) -- node bench/overload/main.ts $(ARGS)

bench-start: ## from start to ready beside node -e 0                       ARGS='--size quick'
	$(RUN) -- node bench/start/main.ts $(ARGS)

cluster: ## a real Kubernetes node on this machine, for tests             ARGS=--down
	$(RUN) commands/cluster.ts $(ARGS)

forward: ## reach the API of a stack in a cluster from here, until ^C      STACK=cluster PORT=8080
	$(RUN) commands/forward.ts --stack '$(STACK)' $(if $(PORT),--port '$(PORT)')

env: ## print what a shell needs for Pulumi itself: eval "$(make -s env)"
	$(RUN) commands/env.ts --stack '$(STACK)'

token: ## print a token for the running stack's API                 STACK=dev TENANT=dev HOURS=1 SCOPE='read write'
	$(RUN) commands/token.ts --stack '$(STACK)' $(if $(TENANT),--tenant '$(TENANT)') $(if $(HOURS),--hours '$(HOURS)') $(if $(SCOPE),--scope '$(SCOPE)')

gpu-monitor: ## install nvitop beside the system, and verify that it sees the GPUs
	$(RUN) commands/gpu-monitor.ts

down: ## destroy the stack, its data and local backups, without asking  STACK=dev KEEP_DATA=1 FORCE=1
	$(RUN) commands/down.ts --stack '$(STACK)' $(call flag,KEEP_DATA,--keep-data) $(call flag,FORCE,--force)

clean: ## remove what was made in this checkout                          ALL=1 also the user's cache
	$(RUN) commands/clean.ts $(call flag,ALL,--all)
