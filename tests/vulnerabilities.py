"""Known vulnerabilities of what a lock file installs: `python -m tests.vulnerabilities LOCK [OPTION OF pip-audit ...]`.

Exit code 0 where every package was looked up and none has any; also where no index answered, which stands out on stderr
as NOT CHECKED. 1 for a vulnerability, for a package that was passed over, and for every other failure.
"""

import json
import re
import subprocess
import sys
from typing import Any

# The last line of what pip-audit says where nothing answers. An untrusted certificate is an answer.
NO_ANSWER = re.compile(
    r"requests\.exceptions\.(ConnectionError|ConnectTimeout|ReadTimeout|ProxyError): .*|.*\b`-s SERVICE`"
)


def check(lock: str, options: list[str]) -> tuple[int, str]:
    """Exit code and what to say."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes", "--disable-pip"]
    command += ["--progress-spinner", "off", "--format", "json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return judge(json.loads(done.stdout)["dependencies"])
    except ValueError:  # it gave up before it had anything to report
        last_line = (done.stderr.splitlines() or [""])[-1]
        if NO_ANSWER.fullmatch(last_line):
            return 0, not_checked(last_line)
        return 1, f"The check for vulnerabilities failed:\n{done.stderr}"


def judge(packages: list[dict[str, Any]]) -> tuple[int, str]:
    """The same, of what pip-audit reports of each package."""
    vulnerable = [
        f"{package['name']} {package['version']}: {found['id']}, mended in {' '.join(found['fix_versions']) or 'no version'}"
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
