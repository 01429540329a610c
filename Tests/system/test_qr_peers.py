"""The QR code that `microctl invite` shows, read by zbar as a phone would read it from the screen."""

import subprocess

import pytest

from machine import LocalMachine

#: Pixels along each side of a module.
SCALE = 4


@pytest.fixture
def ctl(machine, programs, tmp_path):
    if not isinstance(machine, LocalMachine):
        pytest.skip("zbar is on this machine only")

    def run(*arguments):
        return machine.run(["env", f"HOME={tmp_path}", "XDG_CONFIG_HOME=", programs["microctl"], *arguments]).check().text

    return run


def modules(lines):
    """Rows of modules, True where dark, of what a terminal shows."""
    rows = []
    for line in lines:
        cells = line.removeprefix("\x1b[30;107m").removesuffix("\x1b[0m")
        rows.append([cell in "█▀" for cell in cells])
        rows.append([cell in "█▄" for cell in cells])
    return rows


def read(rows, path):
    """What zbar sees in a picture of it."""
    pixels = "".join("".join(f"{int(dark)} " * SCALE for dark in row) + "\n" for row in rows for _ in range(SCALE))
    path.write_text(f"P1\n{len(rows[0]) * SCALE} {len(rows) * SCALE}\n{pixels}")
    return subprocess.run(["zbarimg", "-q", "--raw", str(path)], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("name", ["g", "gracia", "the-longest-name-that-there-is-32"[:32]])
def test_an_invitation_is_read_from_the_screen(ctl, tmp_path, name):
    ctl("microcloud", "create", name)
    key = ctl("key").strip()
    text, *code = ctl("invite", key, "--qr").strip("\n").split("\n")
    assert read(modules(code), tmp_path / "code.pbm") == text
    # Whoever pipes the text into a message wants nothing but the text.
    assert ctl("invite", key).count("\n") == 1
