"""Live environments as data: what a team has on Railway before anybody adopts it. `build.py` makes them."""

from __future__ import annotations

from typing import Any

from tests.adopt.servers import DIGEST, MARK, POOL_IMAGE, RUNTIME, Fixture, Sealed, Server, canary, pool, postgres

POOL = "convos-agent-pool-manager"
USUAL = {POOL: pool(), "postgres": postgres()}
WEB = Server(image="ghcr.io/example/web:1", variables={"A": "1"}, domains=1)
AGENTS = {f"convos-agent-{number:012d}": Server(image=RUNTIME, variables={"X": "1"}) for number in range(4)}


def usual(**services: Server) -> dict[str, Server]:
    return {**USUAL, **services}


def with_url(service: str) -> dict[str, Any]:
    return {"variables": {"DATABASE_URL": f"${{{{{service}.DATABASE_URL}}}}"}}


FIXTURES: dict[str, Fixture] = {
    "the usual one, by a patch": Fixture(USUAL),
    "the usual one, by the CLI's calls": Fixture(USUAL, how="calls"),
    "a fork": Fixture(USUAL, how="fork", environment="scaling"),
    "duplicated from production": Fixture(USUAL, how="duplicate", environment="staging"),
    "names with capitals": Fixture(
        {"Pool Manager": pool(**with_url("Postgres")), "Postgres": postgres()},
        project="convos (old)",
        environment="Prod",
    ),
    "pool-manager and db": Fixture({"pool-manager": pool(**with_url("db")), "db": postgres()}),
    "another user and database": Fixture(
        usual(postgres=postgres(variables={"POSTGRES_USER": "convos", "POSTGRES_DB": "convos"}))
    ),
    "another port": Fixture(usual(postgres=postgres(variables={"PGPORT": "6543"}, proxies=(6543,)))),
    "another mount path": Fixture(
        usual(
            postgres=postgres(
                volumes=("/data",), variables={"PGDATA": "/data/db"}, deploy={"requiredMountPath": "/data"}
            )
        )
    ),
    "a database without a volume": Fixture(usual(postgres=postgres(volumes=(), deploy={}))),
    "a database without a proxy": Fixture(usual(postgres=postgres(proxies=()))),
    "a database of another image": Fixture(usual(postgres=postgres(image="timescale/timescaledb:latest-pg16"))),
    "a password with @ and /": Fixture(usual(postgres=postgres(variables={"POSTGRES_PASSWORD": f"{MARK}@/x:y"}))),
    "a password by reference": Fixture(
        usual(postgres=postgres(variables={"POSTGRES_PASSWORD": "${{shared.DB_PASSWORD}}"})),
        shared={"DB_PASSWORD": f"{MARK}-shared"},
    ),
    "a sealed password": Fixture(usual(postgres=postgres(variables={"POSTGRES_PASSWORD": Sealed(f"{MARK}-db")}))),
    "no database": Fixture({POOL: pool(variables={"DATABASE_URL": None})}),
    "a database elsewhere": Fixture(
        {POOL: pool(variables={"DATABASE_URL": f"postgresql://u:{MARK}@db.example.com:5432/x"})}
    ),
    "a database elsewhere, sealed": Fixture(
        {POOL: pool(variables={"DATABASE_URL": Sealed(f"postgresql://u:{MARK}@db.example.com:5432/x")})}
    ),
    "two databases": Fixture(usual(analytics=postgres(), **{POOL: pool(**with_url("analytics"))})),
    "three databases that nobody refers to": Fixture(
        {
            POOL: pool(variables={"DATABASE_URL": f"postgresql://u:{MARK}@db.example.com/x"}),
            "a-db": postgres(),
            "b-db": postgres(),
            "c-db": postgres(),
        }
    ),
    "a private URL spelled out": Fixture(
        usual(
            **{
                POOL: pool(
                    variables={
                        "DATABASE_URL": "postgresql://postgres:${{postgres.POSTGRES_PASSWORD}}@postgres.railway.internal/railway"
                    }
                )
            }
        )
    ),
    "from a repository": Fixture(
        usual(
            **{
                POOL: pool(
                    repo="xmtplabs/convos-agents",
                    branch="main",
                    source={"rootDirectory": "/pool"},
                    deploy={"startCommand": f"node src/index.js --key {MARK}", "healthcheckPath": "/healthz"},
                )
            }
        )
    ),
    "a repository without a folder or a health check": Fixture(
        usual(**{POOL: pool(repo="xmtplabs/pool", branch="scaling", deploy={}, build={"builder": "DOCKERFILE"})})
    ),
    "everything sealed": Fixture(
        usual(
            **{
                POOL: pool(
                    variables={
                        name: Sealed(f"{MARK}-{name}")
                        for name in ("POOL_API_KEY", "RAILWAY_API_TOKEN", "AGENTMAIL_API_KEY", "OPENROUTER_API_KEY")
                    }
                )
            }
        )
    ),
    "everything sealed, with the key": Fixture(
        usual(**{POOL: pool(variables={"POOL_API_KEY": Sealed(f"{MARK}-pool")})}), api_key=f"{MARK}-pool"
    ),
    "settings sealed": Fixture(
        usual(
            **{
                POOL: pool(
                    variables={
                        "POOL_ENVIRONMENT": Sealed("staging"),
                        "POOL_MIN_IDLE": Sealed("7"),
                        "RAILWAY_RUNTIME_IMAGE": Sealed(RUNTIME),
                    }
                )
            }
        )
    ),
    "values that the program does not take": Fixture(
        usual(
            **{
                POOL: pool(
                    variables={
                        "POOL_MIN_IDLE": "5000",
                        "POOL_ENVIRONMENT": "qa",
                        "RAILWAY_RUNTIME_IMAGE": "Not An Image",
                        "XMTP_ENV": "production",
                        "TELNYX_API_KEY": f"{MARK}-telnyx",
                        "POOL_ROLLOUT_BATCH": "lots",
                    }
                )
            }
        )
    ),
    "references and odd characters": Fixture(
        usual(
            **{
                POOL: pool(
                    variables={
                        "BANKR_API_KEY": "${{shared.BANKR}}",
                        "AGENTMAIL_API_KEY": f" {MARK} with blanks\nand a line break ",
                        "OPENROUTER_API_KEY": f"{MARK}'\"$(touch x);`id`\\ü€",
                        "GREETING": "héllo: {{world}} #1",
                    }
                )
            }
        ),
        shared={"BANKR": f"{MARK}-bankr"},
    ),
    "their own variables": Fixture(
        usual(
            **{
                POOL: pool(
                    variables={
                        "NODE_ENV": "production",
                        "LOG_LEVEL": "debug",
                        "DEBUG": "*",
                        "GITHUB_APP_KEY": f"{MARK}-github",
                    }
                )
            }
        )
    ),
    "no key and no token": Fixture(usual(**{POOL: pool(variables={"POOL_API_KEY": None, "RAILWAY_API_TOKEN": None})})),
    "a token by reference": Fixture(
        usual(**{POOL: pool(variables={"RAILWAY_API_TOKEN": "${{shared.TOKEN}}"})}), shared={"TOKEN": f"{MARK}-t"}
    ),
    "staged changes": Fixture(USUAL, staged={POOL: {"POOL_MIN_IDLE": "9"}}),
    "stored and not deployed": Fixture(USUAL, later={POOL: {"POOL_MIN_IDLE": "4"}, "postgres": {"SSL_CERT_DAYS": "1"}}),
    "a reference that leads nowhere": Fixture(
        usual(**{POOL: pool(variables={"BANKR_API_KEY": "${{gone.KEY}}", "DATABASE_URL": "${{lost.DATABASE_URL}}"})}),
        refused="DATABASE_URL refers to ${{lost.DATABASE_URL}}, but no service of this environment is named lost",
    ),
    "a canary of their own": Fixture(usual(**{"convos-runtime-canary": canary()})),
    "own volume, proxy and domains": Fixture(
        usual(
            **{
                POOL: pool(
                    volumes=("/state",), proxies=(9000,), domains=1, custom=("pool.example.com", "p2.example.com")
                )
            }
        )
    ),
    "no domain": Fixture(usual(**{POOL: pool(domains=0)})),
    "pinned by digest": Fixture(
        usual(
            **{POOL: pool(image=f"{POOL_IMAGE}@{DIGEST}", variables={"RAILWAY_RUNTIME_IMAGE": f"{RUNTIME}@{DIGEST}"})}
        )
    ),
    "replicas, regions, limits and cron": Fixture(
        usual(
            **{
                POOL: pool(
                    deploy={
                        "healthcheckPath": "/healthz",
                        "healthcheckTimeout": 77,
                        "restartPolicyType": "ALWAYS",
                        "multiRegionConfig": {"europe-west4-drams3a": {"numReplicas": 2}},
                    }
                ),
                "nightly": Server(image="ghcr.io/example/job:1", deploy={"cronSchedule": "0 3 * * *"}),
            }
        )
    ),
    "agents and strangers": Fixture(usual(web=WEB, redis=Server(image="redis:7", volumes=("/data",)), **AGENTS)),
    "60 services": Fixture(usual(**{f"service-{number:02d}": WEB for number in range(58)})),
    "never deployed": Fixture({POOL: pool(runs=False), "postgres": postgres(runs=False)}),
    "crashed": Fixture(usual(**{POOL: pool(image="ghcr.io/example/crashing:1")}), refused="ended CRASHED"),
    "stopped": Fixture(USUAL, removed=(POOL, "postgres")),
    "without a source": Fixture(usual(**{POOL: pool(image="", runs=False)})),
    "two that may be the pool manager": Fixture(
        {"pool-a": pool(), "pool-b": pool(), "postgres": postgres()}, roles={"POOL_MANAGER": "pool-b"}
    ),
    "named by hand": Fixture(
        {"manager": pool(**with_url("store")), "store": postgres(image="ghcr.io/example/db:1"), "first": canary()},
        roles={"POOL_MANAGER": "manager", "DATABASE": "store", "CANARY": "first"},
    ),
    "odd names": Fixture(
        {
            "p \"$(touch y)\" 'x' `id`": pool(**with_url("\u202e数据::db")),
            "\u202e数据::db": postgres(),
            "🚀 redis\nline; $HOME": Server(image="redis:7", variables={"REDIS_PASSWORD": f"{MARK}-r"}),
            "${{x}} [1] {2}": WEB,
        },
        project='theirs "$(touch z)" 🚀',
        environment="\u202e環境\n'x'",
        roles={"POOL_MANAGER": "p \"$(touch y)\" 'x' `id`", "DATABASE": "\u202e数据::db"},
    ),
    "no services but the pool manager": Fixture({POOL: pool(variables={"DATABASE_URL": None}, domains=0)}),
    "the template's database": Fixture({POOL: pool(**with_url("Postgres"))}, how="template"),
}
