"""The renderers of the engine `native`: golden files, and values that shells and systemd like to take apart.

`UPDATE_GOLDEN=1 pytest tests/unit/engine/test_native_files.py` writes the golden files anew; read what git says of them.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.mlops.stack.plugins.filter.compose import to_compose_env
from ansible_collections.mlops.stack.plugins.filter.native import supervisor_files, systemd_files, to_env_file
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.engine import contents, mlflow_definition, short_folder
from support.rendered import NASTY, TEXTS, assert_golden, layout

GOLDEN = Path(__file__).with_name("golden")
SHELLS = [name for name in ("/bin/sh", "dash", "bash") if shutil.which(name)]
UNIT = "/etc/systemd/system/mlops-stack-mlflow.service"


def rendered_by_name() -> dict[str, str]:
    systemd, supervisor = systemd_files(mlflow_definition()), supervisor_files(mlflow_definition())
    of_account = supervisor_files(mlflow_definition(), run_as_root=True, account="mlflow")
    unit, program, by_account = contents(systemd), contents(supervisor), contents(of_account)
    base = "/opt/mlops-stack"
    assert unit[f"{base}/mlflow/environment"] == program[f"{base}/mlflow/environment"]
    assert unit[f"{base}/mlflow/secrets"] == program[f"{base}/mlflow/secrets"]
    return {
        "mlflow.service": unit[UNIT],
        "environment": unit[f"{base}/mlflow/environment"],
        "secrets": unit[f"{base}/mlflow/secrets"],
        "run": program[f"{base}/mlflow/run"],
        "program.conf": program[f"{base}/supervisor/conf.d/mlflow.conf"],
        "supervisord.conf": program[f"{base}/supervisor/supervisord.conf"],
        "systemd_layout": layout(systemd),
        "supervisor_layout": layout(supervisor),
        "account_run": by_account[f"{base}/mlflow/run"],
        "account_program.conf": by_account[f"{base}/supervisor/conf.d/mlflow.conf"],
        "account_layout": layout(of_account),
    }


@pytest.mark.parametrize("name", sorted(rendered_by_name()))
def test_golden(name):
    assert_golden(GOLDEN / name, rendered_by_name()[name])


def test_every_golden_file_is_compared():
    assert sorted(path.name for path in GOLDEN.iterdir() if path.is_file()) == sorted(rendered_by_name())


def sourced(shell: str, text: str) -> dict[bytes, bytes]:
    """The environment of a program that SHELL starts after it has read TEXT."""
    with short_folder() as folder:
        (folder / "environment").write_text(text, encoding="utf-8")
        script = 'set -a; . "$1"; exec /usr/bin/env -0'
        command = [shell, "-c", script, shell, str(folder / "environment")]
        done = subprocess.run(command, capture_output=True, check=True, env={}, cwd=folder)
        assert [path.name for path in folder.iterdir()] == ["environment"]  # Nothing in a value was run.
    assert done.stderr == b""
    return dict(item.split(b"=", 1) for item in done.stdout.split(b"\0")[:-1])


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=40)
@given(st.lists(TEXTS, max_size=5))
@example([NASTY, "", "'", '"', "\\", "$", "`", "\n", "\r\n", "a\\\nb", " x ", "$(touch x)", "`touch x`"])
def test_a_shell_reads_every_value_back(shell, values):
    variables = {f"V_{number}": value for number, value in enumerate(values)}
    found = sourced(shell, to_env_file(variables))
    assert [found[name.encode()].decode() for name in variables] == values


def test_numbers_and_booleans_in_an_environment():
    text = to_env_file({"YES": True, "NO": False, "N": 3, "F": 0.5, "EMPTY": ""})
    assert text == 'EMPTY=""\nF="0.5"\nN="3"\nNO="false"\nYES="true"\n'


@pytest.mark.parametrize("render", [to_env_file, to_compose_env])
def test_dictionaries_and_lists_in_an_environment_are_json(render):
    assert render({"A": {"b": 1, "c": [True, None]}}) == 'A="{\\"b\\": 1, \\"c\\": [true, null]}"\n'
    assert render({"L": ["a", "b"]}) == 'L="[\\"a\\", \\"b\\"]"\n'


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "Ä", "A\n", "A;id"])
def test_a_name_that_is_none(name):
    with pytest.raises(ValueError, match="is not a name for an environment variable"):
        to_env_file({name: "x"})


@settings(max_examples=40)
@given(st.lists(TEXTS, max_size=5))
@example([NASTY, "", "'", '"', "-n", "--", "$0", "~", "*", "\n"])
def test_the_run_script_gives_the_program_its_arguments_unchanged(arguments):
    with short_folder() as folder:
        definition = mlflow_definition(str(folder / "it's a $base `x`"), str(folder / 'the "data" \\'))
        definition["process"]["command"] = ["/usr/bin/printf", "%s\\0", "first", *arguments]
        definition["environment"]["PATH"] = "/usr/bin:/bin"
        rendered = supervisor_files(definition)
        for entry in rendered["directories"]:
            Path(entry["path"]).mkdir(parents=True, exist_ok=True)
        for path, text in contents(rendered).items():
            Path(path).write_text(text, encoding="utf-8")
        run = subprocess.run(
            ["/bin/sh", f"{definition['directory']}/run"], capture_output=True, check=True, env={}, cwd="/"
        )
    assert run.stderr == b""
    assert run.stdout.decode().split("\0")[:-1] == ["first", *arguments]


def test_the_run_script_sets_environment_umask_and_folder():
    with short_folder() as folder:
        definition = mlflow_definition(str(folder / "base"), str(folder / "data"))
        definition["process"]["command"] = ["/bin/sh", "-c", 'pwd; umask; printf "%s|%s" "$GREETING" "$0"', "end"]
        rendered = supervisor_files(definition)
        for entry in rendered["directories"]:
            Path(entry["path"]).mkdir(parents=True, exist_ok=True)
        for path, text in contents(rendered).items():
            Path(path).write_text(text, encoding="utf-8")
        run = subprocess.run(
            ["/bin/sh", f"{definition['directory']}/run"], capture_output=True, text=True, check=True, env={}
        )
        assert run.stdout == f"{folder}/data\n0077\n{definition['environment']['GREETING']}|end"


def words_of(line: str) -> list[str]:
    """A double of systemd's reading of ExecStart=, written from systemd.service(5) and systemd.syntax(7)."""
    words, word, quoted, at = [], None, False, 0
    escapes = {"n": "\n", "r": "\r", "\\": "\\", '"': '"'}
    while at < len(line):
        char = line[at]
        at += 1
        if char == '"':
            quoted, word = not quoted, word or ""
        elif char == " " and not quoted:
            words, word = words + ([word] if word is not None else []), None
        elif char == "\\":
            char, at = escapes[line[at]], at + 1
            word = (word or "") + char
        elif char in "%$":
            assert line[at] == char, f"{char} would be expanded by systemd"
            word, at = (word or "") + char, at + 1
        else:
            assert char not in "\n\r", "the line ends here"
            assert quoted or char not in "';\t", "means something to systemd outside quotes"
            word = (word or "") + char
    assert not quoted
    return words + ([word] if word is not None else [])


@given(st.lists(TEXTS, max_size=5))
@example([NASTY, "", "'", ";", "100%", "$HOME", "${HOME}", "\t", "@x"])
def test_systemd_gives_the_program_its_arguments_unchanged(arguments):
    definition = mlflow_definition()
    definition["process"]["command"] = ["/usr/bin/printf", *arguments]
    unit = contents(systemd_files(definition))[UNIT]
    lines = [line for line in unit.split("\n") if line.startswith("ExecStart=")]
    assert [words_of(line.removeprefix("ExecStart=")) for line in lines] == [["/usr/bin/printf", *arguments]]


def test_a_service_that_asks_the_kernel_for_addresses_may_do_so():
    definition = mlflow_definition()
    families = "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6"
    assert f"{families}\n" in contents(systemd_files(definition))[UNIT]
    definition["process"]["netlink"] = True
    assert f"{families} AF_NETLINK\n" in contents(systemd_files(definition))[UNIT]


def test_percent_and_dollar_are_doubled_in_the_unit():
    definition = mlflow_definition()
    definition["process"]["command"] = ["/bin/echo", "100%", "$HOME"]
    assert "\nExecStart=/bin/echo 100%% $$HOME\n" in contents(systemd_files(definition))[UNIT]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze, which reads unit files")
def test_systemd_accepts_the_unit(short):
    definition = mlflow_definition(str(short), str(short / "data"))
    definition["process"].update(user="root", command=["/bin/echo", NASTY.replace("\0", ""), "100%", "a b"])
    rendered = systemd_files(definition)
    for entry in rendered["directories"]:
        Path(entry["path"]).mkdir(parents=True, exist_ok=True)
    unit = short / "mlops-stack-test.service"
    unit.write_text(contents(rendered)[UNIT], encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    # It looks at every unit of the machine, so that only what it says of ours counts.
    assert [line for line in done.stderr.splitlines() if "mlops-stack-test" in line] == []
    unit.write_text(unit.read_text().replace("ExecStart=/bin/echo", 'ExecStart=/bin/echo "unbalanced'))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert "mlops-stack-test" in done.stderr  # Such a mistake would have been found.


def test_root_runs_supervisord_knowingly():
    path = "/opt/mlops-stack/supervisor/supervisord.conf"
    assert "\nuser=root\n" in contents(supervisor_files(mlflow_definition(), run_as_root=True))[path]
    assert "user=" not in contents(supervisor_files(mlflow_definition()))[path]


def test_what_root_runs_itself_is_roots_again():
    """After an account has run it: what that could write must not be what root's shell reads."""
    files = {entry["path"]: entry for entry in supervisor_files(mlflow_definition(), run_as_root=True)["files"]}
    for name in ("environment", "secrets", "basic_auth.ini"):
        assert files[f"/opt/mlops-stack/mlflow/{name}"]["owner"] == "root"


def test_a_service_begins_with_no_temporary_files_and_keeps_those_of_others():
    with short_folder() as folder:
        definition = mlflow_definition(str(folder / "base"), str(folder / "data"))
        definition["process"]["command"] = ["/bin/sh", "-c", 'printf "%s" "$TMPDIR"', "end"]
        definition["environment"]["TMPDIR"] = str(folder / "scratch")
        rendered = supervisor_files(definition)
        for entry in [
            *rendered["directories"],
            {"path": folder / "scratch"},
            {"path": folder / "base/mlflow/tmp/left"},
        ]:
            Path(entry["path"]).mkdir(parents=True, exist_ok=True)
        for path, text in contents(rendered).items():
            Path(path).write_text(text, encoding="utf-8")
        (folder / "scratch/kept").touch()
        run = subprocess.run(
            ["/bin/sh", folder / "base/mlflow/run"], capture_output=True, text=True, check=True, env={}
        )
        assert run.stdout == f"{folder}/scratch"
        assert (folder / "scratch/kept").exists() and list((folder / "base/mlflow/tmp").iterdir()) == []


def test_secrets_are_secret_content_only():
    for rendered in (
        systemd_files(mlflow_definition()),
        supervisor_files(mlflow_definition()),
        supervisor_files(mlflow_definition(), run_as_root=True, account="mlflow"),
    ):
        open_text = "".join(entry.get("content", "") for entry in rendered["files"])
        assert "pa\\$\\$word" not in open_text and "nLw7XkTz" not in open_text and "a private key" not in open_text
        assert all(entry["mode"] == "0600" for entry in rendered["files"] if "secret_content" in entry)
