"""What a test has left in a shared emulator is forgotten before the next one."""

from __future__ import annotations

from pathlib import Path

from tests.emulator.fix_emulator import running_emulator
from tests.emulator.world import World, nodes

EVERY = "{ projects(includeDeleted: true) { edges { node { id } } } }"


def test_what_is_forgotten_is_in_no_list_and_nothing_of_it_runs(tmp_path: Path) -> None:
    with running_emulator(tmp_path, deploy_step_seconds=0) as emulator:
        gone, living = World.new(emulator), World.new(emulator)
        living.running("web")
        gone.run("mutation d($id: String!) { projectDelete(id: $id) }", id=gone.project_id)
        assert len(nodes(emulator.run(EVERY)["projects"])) == 2
        settings = emulator.admin("GET", "/settings")
        assert emulator.session.delete(f"{emulator.admin_url}/snapshot", timeout=10).status_code == 401
        assert len(emulator.where()["services"]) == 1
        emulator.admin("DELETE", "/snapshot")
        assert settings == emulator.admin("GET", "/settings")
        for _ in ("now", "after a restart"):
            assert nodes(emulator.run(EVERY)["projects"]) == []
            assert emulator.where()["services"] == []
            emulator.restart()
        assert World.new(emulator).running("web")
