"""A flood of failing log-ins, through the shipped nginx."""

import pytest

from bench.logins import CLIENTS, measure
from cameras.simulator import SimulatedCamera
from tests.acceptance.test_cluster import installation, programs
from tests.client import Session, eventually
from tests.cluster import Cluster
from tests.servers import Site

__all__ = ["installation", "programs"]  # fixtures


@pytest.mark.timeout(240)
@pytest.mark.parametrize("addresses", [1, CLIENTS])
@pytest.mark.timing("counts the frames of streams while the processor is busy")
async def test_streams_keep_their_frames_and_pages_are_served_beside_thirty_failing_log_ins(
    installation: Site, camera: SimulatedCamera, addresses: int
) -> None:
    id = installation.add_camera("Yard", camera.url)
    cluster = Cluster(installation, workers=2, DJANGO_SETTINGS_MODULE="nvr.settings")  # with hashes of full cost
    try:
        figures = await measure(cluster, [id], 6, addresses)
        assert not figures.broken(kept=0.6), figures  # beside other tests; bench.logins has the promise
        if addresses > 1:  # nginx counts addresses, so a log-in works after the flood
            await eventually(lambda: Session(cluster.base), 15)
    finally:
        cluster.process.end()
