"""Reads YAML of limited size and cost: users upload the files, and the worker process that reads them serves streams
meanwhile.

Only texts, true/false (also yes/no and on/off), null, lists and mappings are read. Numbers and dates are read as texts.
A file with any other tag is refused. Errors never repeat the file's text, because it contains passwords.
"""

from typing import Any

import yaml

MAX_BYTES = 250_000  # about two seconds to parse
MAX_ALIASES = 200  # each can stand for a large part of the file

KINDS = [f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "str", "seq", "map")]
MERGE = "tag:yaml.org,2002:merge"


class YamlError(ValueError):
    """A YAML file cannot be read or has no usable content. The message tells users why."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which reads numbers and dates as texts, because their patterns are slow, and limits the
    number of aliases.
    """

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in (*KINDS, MERGE)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors = {
        kind: yaml.SafeLoader.yaml_constructors[kind]
        for kind in (*KINDS, None)  # None: refuses any other tag
    }

    aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self.aliases += 1
            if self.aliases > MAX_ALIASES:
                raise YamlError(f"The file has more than {MAX_ALIASES} aliases (*name).")
        return super().compose_node(parent, index)


def read(text: str) -> Any:
    """Returns the content of one YAML document as Python values, None if it is empty. Raises YamlError if it is too
    large, has too many aliases, is nested too deeply, or is not YAML that can be read here.
    """
    if len(text) > MAX_BYTES:
        raise YamlError(f"A YAML file can have at most {MAX_BYTES:,} characters.")
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(f"Line {mark.line + 1 if mark else 1} is not YAML that can be read here.") from None
    except yaml.YAMLError:
        raise YamlError("The file has characters that YAML does not allow.") from None
    except RecursionError:
        raise YamlError("The file is nested too deeply.") from None
