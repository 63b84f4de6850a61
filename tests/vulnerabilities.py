"""Looks up known vulnerabilities of a lock file: `python -m tests.vulnerabilities LOCK [OPTION OF pip-audit ...]`.

Exits with 0 if no package has a known vulnerability, and also if no index answered (then stderr says NOT CHECKED). Exits
with 1 for a vulnerability, for a package that was not looked up, and for any other failure.
"""

import json
import re
import subprocess
import sys
from typing import Any

# The last line of pip-audit's output if no index answers. An untrusted certificate counts as an answer.
NO_ANSWER = re.compile(
    r"requests\.exceptions\.(ConnectionError|ConnectTimeout|ReadTimeout|ProxyError): .*|.*\b`-s SERVICE`"
)


def check(lock: str, options: list[str]) -> tuple[int, str]:
    """Runs pip-audit. Returns the exit code and the text to print."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes", "--disable-pip"]
    command += ["--progress-spinner", "off", "--format", "json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return judge(json.loads(done.stdout)["dependencies"])
    except ValueError:  # pip-audit failed before it wrote its report
        last_line = (done.stderr.splitlines() or [""])[-1]
        if NO_ANSWER.fullmatch(last_line):
            return 0, not_checked(last_line)
        return 1, f"The check for vulnerabilities failed:\n{done.stderr}"


def judge(packages: list[dict[str, Any]]) -> tuple[int, str]:
    """Returns the exit code and the text for the report of pip-audit."""
    vulnerable = [
        f"{package['name']} {package['version']}: {found['id']}, fixed in {' '.join(found['fix_versions']) or 'no version'}"
        for package in packages
        for found in package.get("vulns", ())
    ]
    passed_over = [package["skip_reason"] for package in packages if "skip_reason" in package]
    if not packages:
        return 1, "The lock file names no package."
    if len(passed_over) == len(packages):
        return 0, not_checked(f"the index knows none of {len(packages)} packages, such as: {passed_over[0]}")
    if vulnerable or passed_over:
        return 1, "\n".join(
            ["Known vulnerabilities, or packages that could not be checked:", *vulnerable, *passed_over]
        )
    return 0, f"No known vulnerability in {len(packages)} packages."


def not_checked(reason: str) -> str:
    bar = "!" * 78
    return f"{bar}\nNOT CHECKED for known vulnerabilities: {reason}\n{bar}"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m tests.vulnerabilities LOCK [OPTION OF pip-audit ...]")
    code, text = check(sys.argv[1], sys.argv[2:])
    sys.stderr.write(f"{text}\n")
    sys.exit(code)
