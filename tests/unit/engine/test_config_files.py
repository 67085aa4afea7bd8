"""config_files: what it writes, and what it says and leaves alone when it can't."""

from __future__ import annotations

import os
import stat

import pytest

from support.modules import run_module

SECRET = "open-sesame-4711"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def entry(path, text=None, secret=None, mode="0644", **more):
    content = {"secret_content": secret} if text is None else {"content": text}
    return {"path": str(path), "mode": mode, **content, **more}


def folder(path, mode="0755", **more):
    return {"path": str(path), "mode": mode, **more}


def diff_of(result, path):
    found = [part for part in result["diff"] if part["before_header"] == str(path)]
    return (found[0]["before"], found[0]["after"]) if found else None


def apply(**parameters):
    """Check, apply and look again: check mode says what is done, and a second run changes nothing."""
    planned = run_module("config_files", check=True, **parameters)
    done = run_module("config_files", **parameters)
    assert (planned["changed"], planned["paths"], planned["diff"]) == (done["changed"], done["paths"], done["diff"])
    again = run_module("config_files", **parameters)
    assert (again["changed"], again["paths"], again["diff"], again["failed"]) == (False, [], [], False)
    return done


def test_create_change_and_remove(tmp_path):
    home, ini, key = tmp_path / "a/b", tmp_path / "a/b/x.ini", tmp_path / "a/b/key"
    created = apply(
        directories=[folder(home, "0750")], files=[entry(ini, "port=1\n"), entry(key, secret=SECRET, mode="0600")]
    )
    assert created["changed"] and created["paths"] == [str(home), str(ini), str(key)]
    assert (ini.read_text(), key.read_text()) == ("port=1\n", SECRET)
    assert (mode(home), mode(ini), mode(key)) == (0o750, 0o644, 0o600)
    assert diff_of(created, ini) == ("", "port=1\n")
    assert diff_of(created, "folders") == ("", f"{home} (mode 0750)\n")
    changed = apply(files=[entry(ini, "port=2\n"), entry(key, secret=SECRET, mode="0600")])
    assert (changed["paths"], diff_of(changed, ini)) == ([str(ini)], ("port=1\n", "port=2\n"))
    removed = apply(absent=[str(key), str(home), str(ini)], absent_if_empty=[str(tmp_path / "a")])
    assert removed["paths"] == [str(key), str(home), str(tmp_path / "a")]  # x.ini goes with its folder.
    assert list(tmp_path.iterdir()) == []


def test_check_mode_changes_nothing(tmp_path):
    (tmp_path / "old").write_text("old")
    marker = tmp_path / ".started"
    marker.touch()
    before = sorted((path.name, path.stat().st_mtime_ns) for path in tmp_path.iterdir())
    planned = run_module(
        "config_files",
        check=True,
        directories=[folder(tmp_path / "new")],
        files=[entry(tmp_path / "new/x", "x"), entry(tmp_path / "old", "new", mode="0600")],
        absent=[str(tmp_path / "old")],
        marker=str(marker),
    )
    assert planned["changed"]
    assert sorted((path.name, path.stat().st_mtime_ns) for path in tmp_path.iterdir()) == before


def test_drifted_modes_are_mended(tmp_path):
    path = tmp_path / "x"
    path.write_text("same")
    path.chmod(0o666)
    tmp_path.chmod(0o777)
    result = apply(directories=[folder(tmp_path, "0700")], files=[entry(path, "same", mode="0600")])
    assert (mode(path), mode(tmp_path)) == (0o600, 0o700)
    assert diff_of(result, path) == ("mode: 0666\n", "mode: 0600\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owners(tmp_path):
    path = tmp_path / "x"
    result = apply(directories=[folder(tmp_path, "0700", owner="nobody")], files=[entry(path, "x", owner="nobody")])
    assert (path.stat().st_uid, tmp_path.stat().st_uid, path.stat().st_gid) == (65534, 65534, 65534)
    os.chown(path, 0, 0)
    result = apply(files=[entry(path, "x", owner="nobody", group="root")])
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 0)
    assert diff_of(result, path) == ("owner: 0\n", "owner: 65534\n")


def test_an_account_that_does_not_exist(tmp_path):
    files = [entry(tmp_path / "x", "x", owner="no-such-user")]
    refused = run_module("config_files", directories=[folder(tmp_path / "d")], files=files)
    assert refused["msg"] == (
        f"{tmp_path}/x is to belong to 'no-such-user', whom this host does not know: create the account first."
    )
    assert list(tmp_path.iterdir()) == []
    # A check run comes before the step that creates it.
    (tmp_path / "x").write_text("x")
    planned = run_module("config_files", check=True, files=files)
    assert planned["changed"] and diff_of(planned, tmp_path / "x")[1] == "owner: no-such-user\n"


@pytest.mark.parametrize("wrong", ["420", "rw-r--r--", "0o644", "0899", "644", ""])
def test_a_mode_that_is_none(tmp_path, wrong):
    refused = run_module("config_files", files=[entry(tmp_path / "a", "a"), entry(tmp_path / "b", "b", mode=wrong)])
    assert refused["msg"].startswith(f"The mode of {tmp_path}/b is '{wrong}': give four octal digits")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("more", [{}, {"content": "a", "secret_content": SECRET}])
def test_content_and_secret_content(tmp_path, more):
    files = [entry(tmp_path / "good", "x"), {"path": str(tmp_path / "bad"), "mode": "0600", **more}]
    refused = run_module("config_files", files=files)
    assert refused["msg"] == f"The file {tmp_path}/bad needs exactly one of content and secret_content."
    assert list(tmp_path.iterdir()) == [] and SECRET not in refused["as_text"]


def test_secret_content_is_never_shown(tmp_path):
    path = tmp_path / "secrets"
    shown = [run_module("config_files", files=[entry(path, secret=f"KEY={SECRET}\n", mode="0600")])]
    assert diff_of(shown[0], path) == ("", "(secret content)\n")
    shown.append(run_module("config_files", files=[entry(path, secret="KEY=another\n", mode="0600")]))
    assert diff_of(shown[1], path) == ("(secret content)\n", "(secret content, changed)\n")
    shown.append(run_module("config_files", files=[entry(path, secret="KEY=another\n", mode="0640")]))
    shown.append(run_module("config_files", files=[entry(tmp_path / "no/such/folder", secret=SECRET, mode="0640")]))
    assert shown[3]["failed"]
    assert not [result for result in shown if SECRET in result["as_text"] or "another" in result["as_text"]]


def test_a_mask_hides_what_people_may_have_written(tmp_path):
    path = tmp_path / "a.ini"
    path.write_text(f"[a]\nlevel = READ\nadmin_password = {SECRET}\n")
    done = run_module("config_files", files=[entry(path, "[a]\nlevel = EDIT\n", mask="^admin_password.*")])
    assert diff_of(done, path) == ("[a]\nlevel = READ\n(hidden)\n", "[a]\nlevel = EDIT\n")
    assert SECRET not in done["as_text"]
    refused = run_module("config_files", files=[entry(path, "x", mask="(")])
    assert refused["msg"].startswith(f"The mask of {path} is not a regular expression")


def test_the_marker(tmp_path):
    marker, path = tmp_path / ".started", tmp_path / "x"
    seen = []
    marker.touch()
    with pytest.MonkeyPatch.context() as patch:
        replace = os.replace
        patch.setattr(os, "replace", lambda *names: (seen.append(marker.exists()), replace(*names)))
        run_module("config_files", files=[entry(path, "x")], marker=str(marker))
    assert seen == [False] and not marker.exists()  # Gone before the first change.
    marker.touch()
    run_module("config_files", files=[entry(path, "x")], marker=str(marker))
    assert marker.exists()
    (tmp_path / "in the way").touch()
    refused = run_module(
        "config_files",
        files=[entry(path, "y")],
        directories=[folder(tmp_path / "in the way")],
        marker=str(marker),
    )
    assert refused["failed"] and marker.exists() and path.read_text() == "x"


def test_something_in_the_way(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for parameters, sentence in (
        ({"directories": [folder(tmp_path / "file")]}, "file is in the way: a folder is needed there, move it aside."),
        ({"files": [entry(tmp_path / "folder", "x")]}, "folder is a folder: a file is needed there, move it aside."),
        ({"files": [entry(tmp_path / "file/x", "x")]}, "Could not look at "),
    ):
        refused = run_module("config_files", **parameters)
        assert refused["failed"] and sentence in refused["msg"] and not refused.get("changed")


def test_absent_if_empty(tmp_path):
    home = tmp_path / "home"
    (home / "sub").mkdir(parents=True)
    (home / "foreign").touch()
    kept = apply(absent=[str(home / "sub")], absent_if_empty=[str(home), str(tmp_path / "missing")])
    assert kept["paths"] == [str(home / "sub")] and (home / "foreign").exists()
    # What is written by the same call is no reason to think that nothing is left.
    kept = apply(files=[entry(home / "foreign", "x")], absent_if_empty=[str(home)])
    assert kept["paths"] == [str(home / "foreign")] and home.exists()


def test_a_disk_stays_where_it_is_mounted(tmp_path, monkeypatch):
    disk = tmp_path / "disk"
    for name in ("lost+found", "store/objects"):
        (disk / name).mkdir(parents=True)
    monkeypatch.setattr(os.path, "ismount", lambda path: path == str(disk))
    removed = apply(absent=[str(disk)], absent_if_empty=[str(disk)])
    assert removed["paths"] == [str(disk / "store")]
    assert [path.name for path in disk.iterdir()] == ["lost+found"]


def test_a_removed_link_leaves_what_it_leads_to(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/precious").touch()
    (tmp_path / "link").symlink_to("data")
    apply(absent=[str(tmp_path / "link")])
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["data", "precious"]


def test_a_folder_may_be_a_link_to_another_disk(tmp_path):
    (tmp_path / "disk").mkdir(mode=0o755)
    (tmp_path / "data").symlink_to("disk")
    result = apply(directories=[folder(tmp_path / "data", "0700")])
    assert result["changed"] and mode(tmp_path / "disk") == 0o700 and (tmp_path / "data").is_symlink()


@pytest.mark.parametrize("text", ["a\r\nb\r\n", "no newline", "", "äöü€🙂\n", "\ttab\x00nul\x0c\n"])
def test_every_text_is_kept_as_it_is(tmp_path, text):
    apply(files=[entry(tmp_path / "x", text)])
    assert (tmp_path / "x").read_bytes() == text.encode()


def test_an_old_file_in_another_encoding(tmp_path):
    (tmp_path / "x").write_bytes("Größe=1\n".encode("latin-1"))
    apply(files=[entry(tmp_path / "x", "Größe=2\n")])
    assert (tmp_path / "x").read_text() == "Größe=2\n"


def test_a_file_that_is_not_valid_does_not_take_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "server.conf"
    judge = ["/bin/sh", "-c", 'grep -q good "${0#file=}" || { echo "no good in $0" >&2; exit 1; }', "file=%s"]
    apply(files=[entry(path, "good\n", validate=judge)])
    result = run_module("config_files", files=[entry(path, "bad\n", validate=judge)])
    assert (
        result["failed"]
        and f"{path} was left as it was" in result["msg"]
        and f"no good in file={path}" in result["msg"]
    )
    assert path.read_text() == "good\n"
    assert [other.name for other in tmp_path.iterdir()] == ["server.conf"]


def test_a_judge_that_is_not_there(tmp_path):
    result = run_module("config_files", files=[entry(tmp_path / "x", "text", validate=["/no/such", "%s"])])
    assert result["failed"] and "could not be judged by /no/such" in result["msg"]
    assert not list(tmp_path.iterdir())
