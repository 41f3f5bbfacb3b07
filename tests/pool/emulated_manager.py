"""The real pool manager of a fleet on the emulator: one life of its process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from convos_pool.agent_client import Conversation
from convos_pool.creation import Creation
from convos_pool.credential_record import CredentialRecord
from convos_pool.credentials import Credentials, providers
from convos_pool.database import Database
from convos_pool.errors import AgentError
from convos_pool.hosting import TICK_PATIENCE_SECONDS
from convos_pool.inventory import Inventory
from convos_pool.pool import Pool
from convos_pool.pool_parts import PoolParts
from convos_pool.railway import Instance, Railway
from convos_pool.railway_calls import RailwayCalls
from convos_pool.record import Record
from convos_pool.recovery import Recovery
from convos_pool.rolling import Rolling
from convos_pool.set_aside import SetAside
from convos_pool.settings import Settings
from convos_pool.tick import Parts, Tick

from railway_api.client import Client, Timing
from railway_api.retry import Budget

if TYPE_CHECKING:
    from tests.pool.emulated_fleet import Fleet

URL = "http://127.0.0.1:1/graphql/v2"
TOKEN = "account-token"


class _Agents:
    """The agents' own HTTP."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def address(self, instance: Instance) -> str:
        return f"https://{instance.domain}"

    def is_ready(self, instance: Instance, variables: Mapping[str, str] | None = None) -> bool:
        return any(self._fleet.is_ready(one) for one in self._fleet.services() if one["id"] == instance.service_id)

    def which_are_ready(self, instances: Iterator[Instance]) -> frozenset[str]:
        asked = {one.service_id for one in instances}
        return frozenset(
            one["id"] for one in self._fleet.services() if one["id"] in asked and self._fleet.is_ready(one)
        )

    def problem(self, instance: Instance) -> str:
        return ""

    def forget_all_but(self, instances: Iterable[Instance]) -> None:
        """Nothing is kept."""

    def provision(
        self, instance: Instance, wanted: Mapping[str, str], variables: Mapping[str, str], *, tries: int = 2
    ) -> Conversation:
        self._fleet.may_end()
        if not self.is_ready(instance):
            raise AgentError(f"{instance.name}: no answer", refused=False)
        return Conversation(id="c", invite_url="https://invite", joined=False)


class Manager:
    """The real pool manager: one life of its process."""

    def __init__(self, fleet: Fleet, image: str) -> None:
        ground = fleet.ground
        settings = Settings(
            port=1,
            api_key="k",
            environment="dev",
            min_idle=fleet.size if fleet.min_idle is None else fleet.min_idle,
            stuck_seconds=900.0,
            tick_seconds=30.0,
            database_url=ground.database,
            railway_url=URL,
            railway_token=TOKEN,
            railway_token_kind="account",
            project_id=ground.project_id,
            environment_id=ground.environment_id,
            runtime_image=image,
            agent_variables={},
            agent_url="",
            rollout=fleet.policy,
            providers=fleet.providers,
        )

        def clock() -> float:
            return fleet.now

        def quiet(*_: Any) -> None:
            return None

        client = Client(
            URL,
            TOKEN,
            timing=Timing(budget=Budget(seconds=TICK_PATIENCE_SECONDS)),
            sleep=fleet.pass_time,
            clock=clock,
            wall=clock,
            rng=fleet.rng.random,
            progress=quiet,
        )
        calls = RailwayCalls([client], is_kind_known=True, clock=clock)
        railway = Railway(calls, ground.project_id, ground.environment_id)
        database = Database(ground.database)
        talk: Any = _Agents(fleet)
        found, aside = providers(settings.providers), SetAside(database)
        credentials = Credentials(settings, found, CredentialRecord(database, ground.environment_id), quiet)
        creation = Creation(settings, railway, credentials, database, quiet)
        inventory = Inventory(railway, database, talk, aside, settings.stuck_seconds, clock)
        self.pool = Pool(PoolParts(settings, railway, database, talk, inventory, creation, credentials, quiet, quiet))
        recovery = Recovery(railway, database, talk, aside, quiet, run=lambda work: work())
        record = Record(database)
        self.rolling = Rolling(settings, railway, database, record, self.pool.touch, lambda _: (), quiet)
        self.tick = Tick(
            Parts(settings, railway, database, record, recovery, self.pool, creation, self.rolling, quiet), clock
        )
