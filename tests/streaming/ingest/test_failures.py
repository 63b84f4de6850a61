"""A worker's knowledge of a failure: its kind, and the reason for administrators. A worker that follows gets the reason."""

from functools import partial

from cameras.simulator import Fault, SimulatedCamera, Simulator
from streaming.ingest.camera_proxy import NO_LOGIN
from streaming.ingest.condition import Problem, State, VideoFacts
from streaming.ingest.sharing import Sharing
from tests.servers import PATIENCE, wait_until
from tests.streaming.ingest.simulated import until
from tests.streaming.ingest.watched import watching


def test_a_failure_has_its_kind_and_one_text_for_viewers_and_one_for_administrators(camera: SimulatedCamera) -> None:
    camera.fault = Fault.UNAUTHORIZED
    with watching(camera.url) as watched:
        wait_until(lambda: bool(watched.conditions), 5, "the opening has failed")
        condition = watched.conditions[0]
        assert condition.cause == "The camera refused the connection, the log-in or the address."
        assert (condition.reason, condition.problem) == (NO_LOGIN, Problem.WRONG_PASSWORD)
        assert watched.capture.facts is None


def test_the_facts_of_the_video_are_known_while_the_camera_is_open(camera: SimulatedCamera) -> None:
    with watching(camera.url) as watched:
        watched.until_frame()
        assert watched.capture.facts == VideoFacts("h264", 640, 360, camera.fps)
        assert watched.conditions[0].problem is None
        watched.stop(PATIENCE)
        assert watched.capture.facts is None


def test_a_follower_learns_the_reason_and_leaves_the_health_of_the_camera_to_its_reader(
    ann: Sharing, bob: Sharing, simulator: Simulator
) -> None:
    camera = simulator.add(SimulatedCamera("Yard", "yard", 320, 180, 15))
    with (
        watching(camera.url, open_relay=partial(ann.relay, "1")) as reading,
        watching(camera.url, open_relay=partial(bob.relay, "1")) as following,
    ):
        until(lambda: bool(reading.frames and following.frames), "both have pictures")
        first, second = (reading, following) if reading.capture.facts else (following, reading)
        assert second.capture.facts is None
        camera.fault = Fault.UNAUTHORIZED
        lost = [State.LIVE, State.RECONNECTING]
        for watched in (first, second):
            until(lambda watched=watched: [told.state for told in watched.conditions[:2]] == lost, "it is told")
        assert first.conditions[1].problem is not None
        assert (second.conditions[1].reason, second.conditions[1].problem) == (first.conditions[1].reason, None)
